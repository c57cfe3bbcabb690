import { Device } from "@elapid/tensor";
import {
  backends,
  expectMatchesReference,
  expectNaNsOfReference,
  expectSameBitsOnThreads,
  randomInputs,
  scanSizes,
  softwareWebGpu,
  type Forms,
  type Sizes,
} from "@elapid/testing";
import { openWasm } from "@elapid/wasm";
import { describe, expect, test } from "vitest";
import { kernels } from "../wasm.ts";
import { kernels as webgpuKernels } from "../webgpu.ts";
import { selectiveScanBackward as op } from "./selective-scan.backward.ts";
import { selectiveScanOp } from "./selective-scan.ts";

const ranges = { delta: [-4, 1], A: [-4, -0.1], mask: [0, 1], seqIdx: [0, 1] } as const;
const positive = { ...ranges, delta: [0.001, 0.1] } as const;
const optional = ["D", "z", "deltaBias", "initialState", "mask", "seqIdx", "dy", "dfinalState"];
const attributes = { deltaSoftplus: true };
const small = scanSizes({ batch: 2, time: 39, inner: 5, state: 3 });
const large = scanSizes({ batch: 3, time: 65, inner: 65, state: 16 });
const shapes = [
  { batch: 1, time: 1, inner: 1, state: 1 },
  { batch: 2, time: 63, inner: 5, state: 16 },
  { batch: 1, time: 257, inner: 63, state: 4 },
  { batch: 3, time: 1, inner: 257, state: 16 },
  { batch: 1, time: 32, inner: 33, state: 5 },
  { batch: 1, time: 33, inner: 7, state: 63 },
  { batch: 2, time: 70, inner: 9, state: 128 }, // several chunks in every kernel
  large,
].map((sizes) => scanSizes(sizes));

const forms: readonly Forms[] = [
  { B: { groups: 2 }, C: { groups: 2 } },
  { B: { groups: 2 }, C: { groups: 3 } },
  { B: { groups: 2 }, C: "variable" },
  { B: "constant", C: "variable" },
  { B: "variable", C: "constant" },
  { B: "constant", C: "constant" },
  { B: { groups: 24 }, C: "constant" },
];

describe.each(backends())("gradient of selectiveScan on $name", ({ run }) => {
  describe.each(shapes)("at B$batch T$time E$inner N$state", (sizes) => {
    test("matches the reference with everything", () =>
      expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, { seed: 1, ranges }),
        attributes,
      }));

    test("matches the reference with nothing optional but dy", () =>
      expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, {
          seed: 2,
          ranges: positive,
          without: optional.filter((name) => name !== "dy"),
        }),
      }));
  });

  test.each(optional)("matches the reference without %s", (left) =>
    expectMatchesReference(run, {
      op,
      sizes: small,
      inputs: randomInputs(op, small, { seed: 3, ranges, without: [left] }),
      attributes,
    }),
  );

  test.each(forms)("matches the reference with B $B and C $C", async ({ B, C }) => {
    for (const dims of [
      { batch: 2, time: 19, inner: 24, state: 5 },
      { batch: 1, time: 37, inner: 216, state: 16 },
      { batch: 3, time: 1, inner: 24, state: 3 },
    ]) {
      const sizes = scanSizes(dims, { B, C });
      await expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, { seed: 5, ranges }),
        attributes,
      });
    }
  });

  test("nothing of a packed sequence reaches what belongs to another one, NaN included", async () => {
    const sizes = scanSizes({ ...small, batch: 1 });
    const seqIdx = Float32Array.from({ length: sizes.time }, (_, t) => Number(t >= 35));
    const { u, dy, ...others } = randomInputs(op, sizes, { seed: 10, ranges, without: ["mask"] });
    const clean = await run(op, sizes, { ...others, u, dy, seqIdx }, attributes);
    const first = { from: 0, to: 35 * sizes.inner };
    const second = { from: first.to, to: u.length };
    for (const [spoilt, other] of [
      [first, second],
      [second, first],
    ]) {
      const spoil = (values: Float32Array) =>
        values.map((value, i) => (i >= spoilt.from && i < spoilt.to ? NaN : value));
      const actual = await run(op, sizes, { ...others, u: spoil(u), dy: spoil(dy), seqIdx }, attributes);
      for (const name of ["du", "ddelta", "dz"]) {
        const kept = (values: Float32Array) => values.slice(other.from, other.to);
        expect(kept(actual[name]), name).toEqual(kept(clean[name]));
      }
    }
  });

  test("stays exact where steps are large and where they are tiny", async () => {
    for (const delta of [
      [15, 60],
      [-30, -12],
    ] as const) {
      const inputs = randomInputs(op, small, { seed: 4, ranges: { ...ranges, delta }, without: ["mask"] });
      await expectMatchesReference(run, { op, sizes: small, inputs, attributes });
    }
  });

  test("whatever stands in padding is not looked at, NaN included", async () => {
    const sizes = scanSizes({ ...small, batch: 1 });
    const mask = Float32Array.from({ length: sizes.time }, (_, t) => (t < 6 || t === 15 || t === 38 ? 0 : 1));
    const inputs = { ...randomInputs(op, sizes, { seed: 5, ranges }), mask };
    const spoilt = Object.fromEntries(
      Object.entries(inputs).map(([name, values]) => {
        if (!["u", "delta", "B", "C", "z", "dy"].includes(name)) return [name, values];
        const width = values.length / sizes.time;
        return [name, values.map((value, i) => (mask[Math.floor(i / width)] === 0 ? NaN : value))];
      }),
    );
    expect(await run(op, sizes, spoilt, attributes)).toEqual(await run(op, sizes, inputs, attributes));
  });

  test("with no steps hands the gradient of the state on as it is", async () => {
    const sizes = scanSizes({ ...small, time: 0 });
    const inputs = randomInputs(op, sizes, { seed: 6 });
    const { dinitialState, dA } = await run(op, sizes, inputs);
    expect(dinitialState).toEqual(inputs.dfinalState);
    expect(dA).toEqual(new Float32Array(dA.length));
  });

  test("has NaN where the reference has it", () =>
    expectNaNsOfReference(run, {
      op,
      sizes: small,
      inputs: randomInputs(op, small, { seed: 7, ranges }),
      attributes,
    }));

  test("has the same bits twice", async () => {
    const inputs = randomInputs(op, small, { seed: 9, ranges });
    expect(await run(op, small, inputs, attributes)).toEqual(await run(op, small, inputs, attributes));
  });
});

test("the gradient of selectiveScan has the same bits on any number of threads", () =>
  expectSameBitsOnThreads({
    op,
    sizes: large,
    inputs: randomInputs(op, large, { seed: 8, ranges }),
    attributes,
  }));

test.each([
  {},
  { B: { groups: 2 }, C: { groups: 2 } },
  { B: "constant", C: "variable" },
  { B: "constant", C: "constant" },
] as const)(
  "works in no more than 1.2 times u at batch 1, inner 1536, state 16, length 4096, with forms %j",
  async (given) => {
    using device = new Device(await openWasm({ kernels, threads: 2 }), { strict: true });
    expect(bytesOfWork(device, { batch: 1, time: 4096, inner: 1536, state: 16 }, given)).toBeLessThan(1.2);
  },
);

test.each([
  {},
  { B: { groups: 2 }, C: { groups: 2 } },
  { B: "constant", C: "variable" },
  { B: "constant", C: "constant" },
] as const)("works in less than 6 times u on WebGPU, with forms %j", async (given) => {
  using device = new Device(await softwareWebGpu(webgpuKernels), { strict: true });
  expect(bytesOfWork(device, { batch: 1, time: 256, inner: 192, state: 16 }, given)).toBeLessThan(6);
});

/** The most that forward and gradient hold beside inputs and outputs, in bytes of `u`. */
function bytesOfWork(device: Device, dims: Sizes, given: Forms): number {
  const { batch, time, inner, state, ...rows } = scanSizes(dims, given);
  const sequence = () => device.zeros([batch, time, inner]);
  const [u, delta, z, dy] = [sequence(), sequence(), sequence(), sequence()];
  const B = device.zeros([rows.batchB, rows.timeB, rows.groupsB, state]);
  const C = device.zeros([rows.batchC, rows.timeC, rows.groupsC, state]);
  const inputs = { u, delta, A: device.zeros([inner, state]), B, C, z };
  selectiveScanOp(inputs);
  op({ ...inputs, dy });
  return (device.peakBytes - device.liveBytes) / u.byteLength;
}
