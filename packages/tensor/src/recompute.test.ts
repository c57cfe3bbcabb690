import { expect, test } from "vitest";
import { recompute, valueAndGrad } from "./autograd.ts";
import { Device } from "./device.ts";
import { sum } from "./elementary/sum.ts";
import { HostBackend } from "./host.ts";
import type { Tensor } from "./tensor.ts";

const SIZE = 1000;

function values(seed: number): Float32Array {
  return Float32Array.from({ length: SIZE }, (_, i) => Math.sin(seed + i) / 3);
}

/** Eight blocks that read their input more than once, a parameter of their own and one that all share. */
async function run(wrap: typeof recompute) {
  using device = new Device(new HostBackend());
  const shared = device.tensor(values(0));
  const own = Array.from({ length: 8 }, (_, i) => device.tensor(values(i)));
  const input = device.tensor(values(9));
  const block = (w: Tensor) => (x: Tensor) => {
    using scope = device.scope();
    const inner = x.mul(w).add(shared).exp().mul(x).add(x);
    return scope.keep(inner.mul(shared).add(x.mul(shared)));
  };
  const parameters = { shared, input, ...Object.fromEntries(own.map((w, i) => [`w${i}`, w])) };
  const live = device.liveBytes;
  const { value, gradients } = valueAndGrad(() => {
    let x = input;
    for (const w of own) ({ y: x } = wrap(({ x }: { x: Tensor }) => ({ y: block(w)(x) }), { x }));
    return sum(x.mul(shared));
  }, parameters);
  const result = {
    value: await value.data(),
    gradients: await Promise.all(Object.values(gradients).map((gradient) => gradient.data())),
  };
  const peak = device.peakBytes - live;
  for (const tensor of [value, ...Object.values(gradients)]) tensor.dispose();
  return { result, peak, left: device.liveBytes - live };
}

test("gives the same bits, holds less and leaves nothing", async () => {
  const kept = await run((fn, inputs) => fn(inputs));
  const again = await run(recompute);
  expect(again.result).toEqual(kept.result);
  expect(kept.left).toBe(0);
  expect(again.left).toBe(0);
  expect(again.peak).toBeLessThan(0.6 * kept.peak);
});

test("nests, and gives through what it is given", async () => {
  using device = new Device(new HostBackend());
  const x = device.tensor([0.5, -1]);
  const slope = async (wrap: typeof recompute) => {
    const { gradients } = valueAndGrad(
      () => {
        const { y, same } = wrap(
          ({ x }: { x: Tensor }) => ({ ...wrap(({ x }: { x: Tensor }) => ({ y: x.exp().mul(x) }), { x }), same: x }),
          { x },
        );
        return sum(y.mul(same).add(same));
      },
      { x },
    );
    return [...(await gradients.x.data())];
  };
  expect(await slope(recompute)).toEqual(await slope((fn, inputs) => fn(inputs)));
  expect((await slope(recompute))[1]).toBeCloseTo(Math.exp(-1) * (2 * -1 + 1) + 1, 5);
});

test("an output that nothing depends on, and an input that is not followed, cost nothing", async () => {
  using device = new Device(new HostBackend());
  const [x, other] = [device.tensor([2]), device.tensor([3])];
  const { gradients } = valueAndGrad(
    () => {
      const { y } = recompute(({ x, other }) => ({ y: x.mul(other!), idle: x.exp() }), { x, other, absent: undefined });
      return y.mul(recompute(({ other }) => ({ z: other.mul(other) }), { other }).z);
    },
    { x },
  );
  expect([...(await gradients.x.data())]).toEqual([27]);
});

test("runs as it is outside of a gradient", async () => {
  using device = new Device(new HostBackend());
  const { y } = recompute(({ x }) => ({ y: x.exp() }), { x: device.tensor([0]) });
  expect([...(await y.data())]).toEqual([1]);
});

test("the way back frees gradients as it goes", async () => {
  const peakOf = (length: number) => {
    using device = new Device(new HostBackend());
    const x = device.tensor(values(1));
    valueAndGrad(
      () => {
        let y = x;
        for (let i = 0; i < length; i++) y = y.neg();
        return sum(y);
      },
      { x },
    );
    return device.peakBytes / (4 * SIZE);
  };
  // one value more for each op, and no gradient
  expect(Math.round(peakOf(40) - peakOf(20))).toBeLessThanOrEqual(20);
  expect(peakOf(40)).toBeLessThanOrEqual(45);
});
