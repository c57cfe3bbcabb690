import {
  backends,
  expectGoldenGradients,
  expectGradients,
  expectMatchesReference,
  expectNaNsOfReference,
  expectSameBitsOnThreads,
  goldenCases,
  randomInputs,
} from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { mamba3Backward } from "./mamba3.backward.ts";
import { mamba3 as op } from "./mamba3.ts";

const ranges = {
  logDecay: [-1.5, -0.01],
  delta: [0.01, 1],
  trap: [-3, 3],
  angles: [-2, 2],
  mask: [0, 1],
  seqIdx: [0, 2],
} as const;
const small = { batch: 2, time: 19, heads: 4, headDim: 5, rank: 2, groups: 2, state: 6, pairs: 2 };
const shapes = [
  { batch: 1, time: 1, heads: 1, headDim: 1, rank: 1, groups: 1, state: 1, pairs: 0 },
  { batch: 2, time: 63, heads: 3, headDim: 5, rank: 3, groups: 3, state: 7, pairs: 2 }, // no size is a multiple of a vector
  { batch: 1, time: 257, heads: 2, headDim: 4, rank: 1, groups: 1, state: 16, pairs: 8 },
  { batch: 2, time: 1, heads: 6, headDim: 33, rank: 2, groups: 2, state: 34, pairs: 17 },
  { batch: 1, time: 18, heads: 2, headDim: 64, rank: 4, groups: 1, state: 128, pairs: 32 }, // Mamba-3's own
];
const optionalGradients = mamba3Backward.inputs.filter((port) => port.optional).map(({ name }) => name);
const optional = op.inputs.filter((port) => port.optional).map(({ name }) => name);

describe("gradient of mamba3", () => {
  const sizes = { batch: 2, time: 5, heads: 2, headDim: 2, rank: 2, groups: 1, state: 5, pairs: 1 };
  // finite differences see a jump where theta is brought back to 0
  const attributes = { wrapAngles: false };

  test.each(["pairwise", "halved"])("of every input agrees with finite differences, %s", (rotation) => {
    const inputs = randomInputs(op, sizes, { seed: 1, ranges: { ...ranges, mask: [1, 1], seqIdx: [0, 0] } });
    return expectGradients({ op, sizes, inputs, attributes: { ...attributes, rotation } });
  });

  test("agrees with packed and padded sequences", () =>
    expectGradients({ op, sizes, inputs: randomInputs(op, sizes, { seed: 2, ranges }), attributes }));

  test("agrees with nothing optional and a trapezoid that is given as it is", () => {
    const inputs = randomInputs(op, sizes, { seed: 3, ranges: { ...ranges, trap: [0, 1] }, without: optional });
    return expectGradients({ op, sizes, inputs, attributes: { ...attributes, trapSigmoid: false } });
  });
});

const families = [
  "mamba3_siso",
  "mamba3_mimo",
  "mamba3_mimo_recurrent",
  "mamba3_rotary_step",
  "mamba3_state_update",
].map((family) => goldenCases(family));

describe.each(backends())("gradient of mamba3 on $name", ({ run, device, name }) => {
  // 19 passes for each case, seconds in software; `npm run reference` has them all on WebGPU too
  const compilesEach = name.startsWith("webgpu");

  test.each(families.flatMap((cases) => (compilesEach ? cases.slice(-1) : cases)))(
    "matches $reference: $id",
    async (golden) => expectGoldenGradients(await device(), golden),
  );

  describe.each(shapes)("at B$batch T$time H$heads P$headDim R$rank G$groups N$state A$pairs", (sizes) => {
    test("matches the reference with everything", () => {
      const inputs = randomInputs(mamba3Backward, sizes, { seed: 4, ranges });
      const rotation = sizes.rank === 1 ? "pairwise" : "halved";
      return expectMatchesReference(run, { op: mamba3Backward, sizes, inputs, attributes: { rotation } });
    });

    // without a state that is not turned, turning everything changes nothing: the gradient of the angles is rounding alone
    test("matches the reference with nothing optional but dy and a state", () => {
      const without = optionalGradients.filter((name) => name !== "dy" && name !== "initialState");
      const inputs = randomInputs(mamba3Backward, sizes, { seed: 5, ranges, without });
      const attributes = { wrapAngles: false, trapSigmoid: false };
      return expectMatchesReference(run, { op: mamba3Backward, sizes, inputs, attributes });
    });
  });

  // a kernel is compiled for each choice: every input is left out once, several at a time
  test.each([0, 1, 2, 3])(
    "matches the reference without every fourth of the optional inputs, from the %dth",
    (from) => {
      const without = optionalGradients.filter((_, i) => i % 4 === from);
      const inputs = randomInputs(mamba3Backward, small, { seed: 6, ranges, without });
      return expectMatchesReference(run, { op: mamba3Backward, sizes: small, inputs });
    },
  );

  test("whatever stands in padding is not looked at, NaN included", async () => {
    const sizes = { ...small, batch: 1 };
    const mask = Float32Array.from({ length: sizes.time }, (_, t) => (t < 2 || t === 7 || t === 18 ? 0 : 1));
    const inputs = { ...randomInputs(mamba3Backward, sizes, { seed: 7, ranges }), mask };
    const sequences = ["x", "B", "C", "logDecay", "delta", "trap", "angles", "z", "dy"];
    const spoilt = Object.fromEntries(
      Object.entries(inputs).map(([name, values]) => {
        if (!sequences.includes(name)) return [name, values];
        const width = values.length / sizes.time;
        return [name, values.map((value, i) => (mask[Math.floor(i / width)] === 0 ? NaN : value))];
      }),
    );
    expect(await run(mamba3Backward, sizes, spoilt)).toEqual(await run(mamba3Backward, sizes, inputs));
  });

  test("with no steps hands the gradients of the states on as they are", async () => {
    const sizes = { ...small, time: 0 };
    const inputs = randomInputs(mamba3Backward, sizes, { seed: 8, ranges });
    const result = await run(mamba3Backward, sizes, inputs);
    for (const name of ["State", "B", "X", "Angle"]) {
      expect(result[`dinitial${name}`]).toEqual(inputs[`dfinal${name}`]);
    }
    expect(result.dBBias).toEqual(new Float32Array(result.dBBias.length));
  });

  test("has NaN where the reference has it", () => {
    const inputs = randomInputs(mamba3Backward, small, { seed: 9, ranges });
    return expectNaNsOfReference(run, { op: mamba3Backward, sizes: small, inputs });
  });

  test("has the same bits twice", async () => {
    const inputs = randomInputs(mamba3Backward, small, { seed: 10, ranges });
    expect(await run(mamba3Backward, small, inputs)).toEqual(await run(mamba3Backward, small, inputs));
  });
});

test("the gradient of mamba3 has the same bits on any number of threads", () =>
  expectSameBitsOnThreads({
    op: mamba3Backward,
    sizes: small,
    inputs: randomInputs(mamba3Backward, small, { seed: 11, ranges }),
  }));
