import { attention, rope } from "@elapid/ops";
import { backends, expectClose } from "@elapid/testing";
import { Device, HostBackend, randomSource, sum, valueAndGrad, type Tensor } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { Attention, type AttentionConfig, type AttentionState } from "./attention.ts";
import { seeded } from "./init.ts";

const config = { dModel: 12, nHeads: 4, nKvHeads: 2, headDim: 6 };
const variants: readonly (readonly [string, AttentionConfig])[] = [
  ["of grouped queries", config],
  ["without positions, with biases", { ...config, nKvHeads: 4, headDim: 3, rotaryDim: 0, bias: true }],
  ["of one head of keys, turned in part", { ...config, nKvHeads: 1, rotaryDim: 4, ropeTheta: 50 }],
];
const TIME = 9;

/** Numbers for an input "2 9 model" of the layers above. */
const values = (() => {
  const random = randomSource(3);
  return Float32Array.from({ length: 2 * TIME * config.dModel }, () => 2 * random.next() - 1);
})();
const ints = (device: Device, rows: readonly (readonly number[])[]) =>
  device.tensor(Int32Array.from(rows.flat()), [rows.length, rows[0].length]);

describe.each(backends())("attention layer on $name", ({ device: open }) => {
  test("is the projections around the op", async () => {
    const device = await open();
    using _ = device.scope();
    const layer = new Attention(config, seeded(device, 5));
    layer.freeze();
    const x = device.tensor(values, [2, TIME, config.dModel]);
    const [q, k, v] = layer.inProj.forward(x).split([24, 12, 12]);
    const heads = (tensor: Tensor, count: number) => tensor.reshape([2, TIME, count, 6]);
    const read = attention(rope(heads(q, 4)), rope(heads(k, 2)), heads(v, 2)).reshape([2, TIME, 24]);
    const expected = await layer.outProj.forward(read).data();
    expectClose(await layer.forward({ x }).y.data(), expected, { relative: 2e-6, label: "y" });
  });

  test.each(variants)("%s gives for pieces what it gives for the sequence", async (_name, variant) => {
    const device = await open();
    using _ = device.scope();
    const layer = new Attention(variant, seeded(device, 5));
    const x = device.tensor(values, [2, TIME, config.dModel]);
    const whole = layer.forward({ x });
    let state: AttentionState | undefined;
    for (const [from, to] of [
      [0, 4],
      [4, 5],
      [5, 6],
      [6, 9],
    ]) {
      const step = layer.forward({ x: x.slice(1, from, to), state });
      const label = `y of steps ${from} to ${to}`;
      expectClose(await step.y.data(), await whole.y.slice(1, from, to).data(), { relative: 1e-5, label });
      ({ state } = step);
    }
    for (const name of ["k", "v", "seen"] as const) {
      expectClose(await state![name].data(), await whole.state[name].data(), { relative: 1e-5, label: name });
    }
  });

  test.each(variants)("%s looks past padding, and goes on as if there had been none", async (_name, variant) => {
    const device = await open();
    using _ = device.scope();
    const layer = new Attention(variant, seeded(device, 5));
    const x = device.tensor(values, [2, TIME, config.dModel]);
    const mask = ints(device, [
      [0, 0, 1, 1, 1, 0],
      [1, 1, 1, 1, 0, 0],
    ]);
    const padded = layer.forward({ x: x.slice(1, 0, 6), mask });
    const after = layer.forward({ x: x.slice(1, 6, 9), state: padded.state });
    for (const [row, from, to] of [
      [0, 2, 5],
      [1, 0, 4],
    ]) {
      const own = x.slice(0, row, row + 1);
      const first = layer.forward({ x: own.slice(1, from, to) });
      const then = layer.forward({ x: own.slice(1, 6, 9), state: first.state });
      const got = (y: Tensor) => y.slice(0, row, row + 1);
      const label = `row ${row}`;
      const shown = await got(padded.y).slice(1, from, to).data();
      expectClose(shown, await first.y.data(), { relative: 1e-5, label });
      expectClose(await got(after.y).data(), await then.y.data(), { relative: 1e-5, label: `${label}, later` });
    }
  });

  test.each(variants)("%s keeps packed sequences apart, gradients included", async (_name, variant) => {
    const device = await open();
    using _ = device.scope();
    const layer = new Attention(variant, seeded(device, 5));
    const all = device.tensor(values, [2, TIME, config.dModel]).slice(0, 0, 1);
    const [past, x] = [all.slice(1, 0, 2), all.slice(1, 2, 9)];
    const { state } = layer.forward({ x: past });
    const seqIdx = ints(device, [[4, 4, 9, 9, 9, 4, 4]]);
    const weights = device.tensor(values.toReversed().subarray(0, 7 * config.dModel), [1, 7, config.dModel]);
    const parts = [
      [0, 2],
      [2, 5],
      [5, 7],
    ];
    const alone = (i: number) => layer.forward({ x: x.slice(1, parts[i][0], parts[i][1]), ...(i === 0 && { state }) });

    const packed = layer.forward({ x, state, seqIdx });
    for (const [i, [from, to]] of parts.entries()) {
      const got = await packed.y.slice(1, from, to).data();
      expectClose(got, await alone(i).y.data(), { relative: 1e-5, label: `sequence ${i}` });
    }
    const next = layer.forward({ x: past, state: packed.state });
    const expected = layer.forward({ x: past, state: alone(2).state });
    expectClose(await next.y.data(), await expected.y.data(), { relative: 1e-5, label: "what comes after" });

    const parameters = { x, ...Object.fromEntries(layer.parameters()) };
    const together = valueAndGrad(() => sum(layer.forward({ x, state, seqIdx }).y.mul(weights)), parameters).gradients;
    const apart = valueAndGrad(
      () =>
        parts
          .map(([from, to], i) => sum(alone(i).y.mul(weights.slice(1, from, to))))
          .reduce((total, part) => total.add(part)),
      parameters,
    ).gradients;
    for (const [name, gradient] of Object.entries(apart)) {
      expectClose(await together[name as "x"].data(), await gradient.data(), { relative: 2e-5, label: name });
    }
  });

  test("stores no tensor of time by time, to train or to run", async () => {
    const device = await open();
    const time = 512;
    using _ = device.scope();
    const layer = new Attention({ dModel: 8, nHeads: 2 }, seeded(device, 5));
    const x = device.zeros([1, time, 8]);
    const before = device.peakBytes;
    layer.forward({ x }).y.dispose();
    valueAndGrad(() => sum(layer.forward({ x }).y), Object.fromEntries(layer.parameters()));
    await device.finish();
    expect(device.peakBytes - before).toBeLessThan(4 * time * time * 0.5);
  });
});

describe("attention layer", () => {
  const device = new Device(new HostBackend());

  test("takes as many bytes for a token as it says", () => {
    using _ = device.scope();
    const { state } = new Attention(config, seeded(device, 5)).forward({ x: device.zeros([3, 7, 12]) });
    const bytes = Object.values(state).reduce((total, { byteLength }) => total + byteLength, 0);
    expect(bytes).toBe(3 * (7 * 4 * (2 * 2 * 6 + 1) + 8));
  });

  test("leaves no bytes behind", () => {
    const layer = new Attention(config, seeded(device, 5));
    layer.freeze();
    const before = device.liveBytes;
    {
      using _ = device.scope();
      const { state } = layer.forward({ x: device.zeros([1, 7, 12]) });
      layer.forward({ x: device.zeros([1, 1, 12]), state });
    }
    expect(device.liveBytes).toBe(before);
    layer.dispose();
    expect(device.liveBytes).toBe(0);
  });

  test("names what does not fit", () => {
    const make = (wrong: Partial<AttentionConfig>) => () => new Attention({ ...config, ...wrong }, seeded(device, 5));
    expect(make({ nKvHeads: 3 })).toThrow("nHeads is 4 but a multiple of nKvHeads, 3, was needed");
    expect(make({ rotaryDim: 3 })).toThrow("rotaryDim is 3 but an even number up to headDim, 6, was needed");
    expect(() => new Attention({ dModel: 12, nHeads: 5 }, seeded(device, 5))).toThrow(
      "dModel is 12 but a multiple of nHeads, 5, was needed",
    );
  });
});
