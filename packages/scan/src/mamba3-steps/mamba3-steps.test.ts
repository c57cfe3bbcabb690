import {
  backends,
  expectGradients,
  expectIndependent,
  expectMatchesReference,
  expectNaNsOfReference,
  expectSameBitsOnThreads,
  randomInputs,
  someOf,
  tries,
} from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mamba3StepsBackward } from "./mamba3-steps.backward.ts";
import { mamba3Steps as op } from "./mamba3-steps.ts";

const ranges = { rawDelta: [-6, 3], rawA: [-8, 4] } as const;
const attributes = { floor: 0.25 }; // some rates are below
const small = { batch: 2, time: 9, heads: 5, pairs: 3 };
const shapes = [
  { batch: 1, time: 1, heads: 1, pairs: 0 },
  { batch: 2, time: 63, heads: 5, pairs: 7 },
  { batch: 1, time: 257, heads: 24, pairs: 32 },
];

describe.each(backends())("mamba3Steps on $name", ({ run }) => {
  test.each(shapes)("matches the reference at B$batch T$time H$heads A$pairs", async (sizes) => {
    await expectMatchesReference(run, { op, sizes, inputs: randomInputs(op, sizes, { seed: 1, ranges }), attributes });
    const inputs = randomInputs(mamba3StepsBackward, sizes, { seed: 2, ranges });
    await expectMatchesReference(run, { op: mamba3StepsBackward, sizes, inputs, attributes });
  });

  test.each(["ddelta", "dlogDecay", "dheadAngles"])("the gradient matches the reference without %s", (left) => {
    const inputs = randomInputs(mamba3StepsBackward, small, { seed: 3, ranges, without: [left] });
    return expectMatchesReference(run, { op: mamba3StepsBackward, sizes: small, inputs, attributes });
  });

  test("has NaN where the reference has it", async () => {
    await expectNaNsOfReference(run, { op, sizes: small, inputs: randomInputs(op, small, { seed: 4, ranges }) });
    const inputs = randomInputs(mamba3StepsBackward, small, { seed: 5, ranges });
    await expectNaNsOfReference(run, { op: mamba3StepsBackward, sizes: small, inputs });
  });

  test("stays exact far out", () => {
    const far = { rawDelta: [-60, 60], rawA: [-1e4, 1e4] } as const;
    return expectMatchesReference(run, { op, sizes: small, inputs: randomInputs(op, small, { seed: 6, ranges: far }) });
  });

  test("computes a sequence with the same bits whatever others are in the batch, in any order", () => {
    const sizes = { ...small, batch: 4 };
    const inputs = randomInputs(op, sizes, { seed: 7, ranges });
    return fc.assert(
      fc.asyncProperty(someOf(4), (chosen) => expectIndependent(run, { op, sizes, inputs }, "batch", chosen)),
      tries,
    );
  });
});

test("gradient of every input of mamba3Steps agrees with finite differences", () =>
  expectGradients({ op, sizes: small, inputs: randomInputs(op, small, { seed: 8, ranges }) }));

test("mamba3Steps and its gradient give the same bits on any number of threads", async () => {
  await expectSameBitsOnThreads({ op, sizes: shapes[2], inputs: randomInputs(op, shapes[2], { seed: 9, ranges }) });
  const inputs = randomInputs(mamba3StepsBackward, shapes[2], { seed: 10, ranges });
  await expectSameBitsOnThreads({ op: mamba3StepsBackward, sizes: shapes[2], inputs });
});

test("mamba3Steps names the dimension and both inputs that disagree", () => {
  const device = new Device(new HostBackend());
  const sequence = device.zeros([1, 2, 3]);
  const misuse = () =>
    op({ rawDelta: sequence, rawA: sequence, deltaBias: device.zeros([4]), angles: device.zeros([1, 2, 2]) });
  expect(misuse).toThrow('"heads" is 3 in rawDelta but 4 in deltaBias');
});
