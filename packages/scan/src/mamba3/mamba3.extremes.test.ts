import { expectNaNsOfReference, expectSameBitsOnThreads, randomInputs, backends } from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { mamba3 as op } from "./mamba3.ts";

const sizes = { batch: 3, time: 9, heads: 4, headDim: 7, rank: 2, groups: 2, state: 10, pairs: 3 };
const ranges = { logDecay: [-1.5, -0.01], delta: [0.01, 1], trap: [-3, 3], mask: [0, 1], seqIdx: [0, 1] } as const;
const inputs = randomInputs(op, sizes, { seed: 1, ranges });

describe.each(backends())("mamba3 on $name", ({ run }) => {
  test("has NaN where the reference has it, whichever input holds one", () =>
    expectNaNsOfReference(run, { op, sizes, inputs }));

  test("is finite at steps and inputs that are far out", async () => {
    const far = randomInputs(op, sizes, {
      seed: 2,
      ranges: {
        x: [-1e4, 1e4],
        logDecay: [-1e4, -1e-6],
        delta: [1e-6, 50],
        trap: [-100, 100],
        angles: [-1e4, 1e4],
        z: [-1e3, 1e3],
      },
      without: ["mask", "seqIdx"],
    });
    for (const values of Object.values(await run(op, sizes, far))) expect(values.every(Number.isFinite)).toBe(true);
  });
});

test("mamba3 gives the same bits on any number of threads", () => expectSameBitsOnThreads({ op, sizes, inputs }));
