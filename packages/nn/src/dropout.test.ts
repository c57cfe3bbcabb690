import { Device, HostBackend, recompute, sum, valueAndGrad } from "@elapid/tensor";
import { expect, test } from "vitest";
import { Dropout, DropoutChance } from "./dropout.ts";

const device = new Device(new HostBackend());
const ones = device.full([40, 50], 1);

async function dropped(seed: number, step: number, rate = 0.25, layer = 0) {
  const chance = new DropoutChance(seed);
  const layers = Array.from({ length: layer + 1 }, () => new Dropout(rate, chance));
  return [...(await chance.during(step, () => layers[layer].forward(ones)).data())];
}

test("drops its share, scales the rest, and nothing outside of a step", async () => {
  const values = await dropped(1, 1);
  expect(new Set(values)).toEqual(new Set([0, Math.fround(4 / 3)]));
  const share = values.filter((value) => value === 0).length / values.length;
  expect(Math.abs(share - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / 2000)); // four deviations
  expect(await new Dropout(0.25, new DropoutChance(1)).forward(ones).data()).toEqual(await ones.data());
  expect(new Set(await dropped(1, 1, 0))).toEqual(new Set([1]));
});

test("seed, step and layer settle what is dropped, each apart from the others", async () => {
  const first = await dropped(1, 1);
  expect(await dropped(1, 1)).toEqual(first);
  for (const other of [await dropped(2, 1), await dropped(1, 2), await dropped(1, 1, 0.25, 1)]) {
    const agreeing = first.filter((value, i) => value === other[i]).length / first.length;
    expect(Math.abs(agreeing - (0.75 ** 2 + 0.25 ** 2))).toBeLessThan(0.05);
  }
});

test("gradients pass where values do, also when they are computed again", () => {
  const chance = new DropoutChance(3);
  const dropout = new Dropout(0.5, chance);
  const gradientOf = (wrap: typeof recompute) =>
    chance.during(9, () =>
      valueAndGrad(() => sum(wrap(({ x }) => ({ y: dropout.forward(x) }), { x: ones }).y), {
        ones,
      }).gradients.ones.data(),
    );
  const plain: typeof recompute = (fn, inputs) => fn(inputs);
  return Promise.all([
    gradientOf(plain),
    gradientOf(recompute),
    chance.during(9, () => dropout.forward(ones).data()),
  ]).then(([kept, again, values]) => {
    expect(kept).toEqual(values);
    expect(again).toEqual(values);
  });
});

test("refuses a rate that drops everything", () => {
  expect(() => new Dropout(1, new DropoutChance(0))).toThrow("rate is 1 but a number from 0 to below 1 was needed");
});
