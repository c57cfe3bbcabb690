import { expectGradients, randomInputs } from "@elapid/testing";
import { describe, test } from "vitest";
import { mamba3 as op } from "./mamba3.ts";

const ranges = {
  logDecay: [-1.5, -0.01],
  delta: [0.01, 1],
  trap: [-3, 3],
  angles: [-2, 2],
  mask: [0, 1],
  seqIdx: [0, 2],
} as const;
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
