import {
  backends,
  expectGoldenGradients,
  expectGradients,
  expectMatchesReference,
  expectNaNsOfReference,
  expectSameBitsOnThreads,
  goldenCases,
  randomInputs,
  seeds,
  tries,
} from "@elapid/testing";
import { Device } from "@elapid/tensor";
import { openWasm } from "@elapid/wasm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { kernels } from "../wasm.ts";
import { ssdBackward as op } from "./ssd.backward.ts";
import { ssd } from "./ssd.ts";

const ranges = { delta: [-3, 1], A: [-2, -0.1], logDecay: [-1, 0], mask: [0, 1], seqIdx: [0, 2] } as const;
const bounds = { deltaSoftplus: true, deltaMin: 0.06, deltaMax: 1.2 };
const optional = ["D", "channelD", "z", "deltaBias", "logDecay", "initialState", "mask", "seqIdx", "dy", "dfinalState"];
const small = { batch: 2, time: 39, heads: 4, headDim: 5, groups: 2, state: 3 };
const large = { batch: 2, time: 65, heads: 6, headDim: 32, groups: 2, state: 16 };
const shapes = [
  { batch: 1, time: 1, heads: 1, headDim: 1, groups: 1, state: 1 },
  { batch: 2, time: 63, heads: 3, headDim: 5, groups: 3, state: 7 },
  { batch: 1, time: 257, heads: 2, headDim: 4, groups: 1, state: 16 },
  { batch: 3, time: 1, heads: 6, headDim: 63, groups: 2, state: 65 },
  { batch: 1, time: 32, heads: 2, headDim: 33, groups: 1, state: 5 },
  large,
];

/** The kernels of WebGPU have a chunk of their own. */
const chunked = backends().flatMap((backend) =>
  (backend.name.startsWith("wasm") ? [0, 7] : [0]).map((chunkSize) => ({ ...backend, chunkSize })),
);

describe.each(backends())("official gradient of ssd on $name", ({ device }) => {
  test.each([...goldenCases("ssd_chunk_scan"), ...goldenCases("ssd_minimal")])(
    "matches $reference: $id",
    async (golden) => expectGoldenGradients(await device(), golden),
  );
});

describe.each(chunked)("gradient of ssd on $name in chunks of $chunkSize", ({ run, name, chunkSize }) => {
  const attributes = { ...bounds, chunkSize };

  test("is the same for any size of chunk", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2 * small.time }), seeds, async (size, seed) => {
        const inputs = randomInputs(op, small, { seed, ranges });
        const call = { op, sizes: small, inputs, attributes: { ...bounds, chunkSize: size } };
        await expectMatchesReference(run, call, 3e-5);
      }),
      tries,
    ));

  describe.each(shapes)("at B$batch T$time H$heads P$headDim G$groups N$state", (sizes) => {
    test("matches the reference with everything", () =>
      expectMatchesReference(run, { op, sizes, inputs: randomInputs(op, sizes, { seed: 1, ranges }), attributes }));

    test("matches the reference with nothing optional but dy", () => {
      const inputs = randomInputs(op, sizes, {
        seed: 2,
        ranges: { ...ranges, delta: [0.001, 0.1] },
        without: optional.filter((name) => name !== "dy"),
      });
      // terms of dA that are a hundred times its size cancel each other
      return expectMatchesReference(run, { op, sizes, inputs, attributes: { chunkSize } }, 3e-5);
    });
  });

  test.each(optional)("matches the reference without %s", (left) =>
    expectMatchesReference(run, {
      op,
      sizes: small,
      inputs: randomInputs(op, small, { seed: 3, ranges, without: [left] }),
      attributes,
    }),
  );

  test.each([
    { delta: [1e-6, 1e-5], A: [-1e-5, -1e-6], u: [-1, 1] },
    { delta: [10, 50], A: [-1e4, -1e3], u: [-1, 1] },
    { delta: [1e-6, 50], A: [-1e4, -1e-6], u: [-1e4, 1e4] },
  ] as const)("stays exact with delta in $delta, A in $A and u in $u", (extreme) => {
    const inputs = randomInputs(op, small, { seed: 4, ranges: { ...ranges, ...extreme }, without: ["deltaBias"] });
    return expectMatchesReference(run, { op, sizes: small, inputs, attributes: { chunkSize } }, 3e-5);
  });

  test("whatever stands in padding is not looked at, NaN included", async () => {
    const sizes = { ...small, batch: 1 };
    const mask = Float32Array.from({ length: sizes.time }, (_, t) => (t < 6 || t === 15 || t === 38 ? 0 : 1));
    const inputs = { ...randomInputs(op, sizes, { seed: 5, ranges }), mask };
    const spoilt = Object.fromEntries(
      Object.entries(inputs).map(([name, values]) => {
        if (!["u", "delta", "B", "C", "z", "logDecay", "dy"].includes(name)) return [name, values];
        const width = values.length / sizes.time;
        return [name, values.map((value, i) => (mask[Math.floor(i / width)] === 0 ? NaN : value))];
      }),
    );
    expect(await run(op, sizes, spoilt, attributes)).toEqual(await run(op, sizes, inputs, attributes));
  });

  test("with no steps hands the gradient of the state on as it is", async () => {
    const sizes = { ...small, time: 0 };
    const inputs = randomInputs(op, sizes, { seed: 6 });
    const { dinitialState, dA } = await run(op, sizes, inputs);
    expect(dinitialState).toEqual(inputs.dfinalState);
    expect(dA).toEqual(new Float32Array(dA.length));
  });

  test("has NaN where the reference has it", () => {
    const call = { op, sizes: small, inputs: randomInputs(op, small, { seed: 7, ranges }), attributes };
    // the products of WebAssembly spread a NaN over its chunk
    return expectNaNsOfReference(run, call, { spreads: name.startsWith("wasm") && chunkSize > 0 });
  });
});

test("the gradient of ssd has the same bits on any number of threads", () =>
  expectSameBitsOnThreads({
    op,
    sizes: large,
    inputs: randomInputs(op, large, { seed: 8, ranges }),
    attributes: bounds,
  }));

test.each([480, 960])("keeps states at the borders of chunks alone: 2.3 times u and 2 MiB at time %i", async (time) => {
  using device = new Device(await openWasm({ kernels, threads: 2 }), { strict: true });
  const [batch, heads, headDim, groups, state] = [1, 24, 64, 1, 128];
  const [u, z, dy] = [0, 0, 0].map(() => device.zeros([batch, time, heads, headDim]));
  const [B, C] = [0, 0].map(() => device.zeros([batch, time, groups, state]));
  op({ u, delta: device.zeros([batch, time, heads]), A: device.zeros([heads]), B, C, z, dy });
  expect(device.peakBytes - device.liveBytes).toBeLessThan(2.3 * u.byteLength + 2 ** 21);
});

describe("the gradient of ssd", () => {
  const sizes = { batch: 2, time: 5, heads: 4, headDim: 2, groups: 2, state: 3 };
  const bounded = { deltaSoftplus: true, deltaMin: 0.1, deltaMax: 1 };

  test("of every input agrees with finite differences", () => {
    const inputs = randomInputs(ssd, sizes, { seed: 1, ranges: { ...ranges, mask: [1, 1], seqIdx: [0, 0] } });
    return expectGradients({ op: ssd, sizes, inputs, attributes: bounded });
  });

  test("agrees with packed and padded sequences", () =>
    expectGradients({ op: ssd, sizes, inputs: randomInputs(ssd, sizes, { seed: 2, ranges }), attributes: bounded }));

  test("agrees with nothing optional and no softplus", () => {
    const inputs = randomInputs(ssd, sizes, { seed: 3, ranges: { ...ranges, delta: [0.1, 0.9] }, without: optional });
    return expectGradients({ op: ssd, sizes, inputs });
  });
});
