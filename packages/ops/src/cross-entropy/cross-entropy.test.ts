import {
  backends,
  expectClose,
  expectGolden,
  expectIndependent,
  expectMatchesReference,
  goldenCases,
  randomInputs,
  someOf,
  tries,
} from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crossEntropy, crossEntropyOp as op } from "./cross-entropy.ts";

const shapes = [
  { rows: 1, vocab: 1 },
  { rows: 1, vocab: 2049 },
  { rows: 63, vocab: 257 },
  { rows: 257, vocab: 63 },
  { rows: 130, vocab: 257 }, // enough for several threads
];
const small = { rows: 7, vocab: 70 };

const inputsOf = (sizes: { vocab: number; rows: number }, seed: number) =>
  randomInputs(op, sizes, { seed, ranges: { logits: [-8, 8], labels: [0, sizes.vocab - 1] } });

describe.each(backends())("crossEntropy on $name", ({ run, device }) => {
  test.each(goldenCases("cross_entropy"))("matches $reference: $id", async (golden) =>
    expectGolden(await device(), golden),
  );

  test.each(shapes)("matches the reference at $rows x $vocab", (sizes) =>
    expectMatchesReference(run, { op, sizes, inputs: inputsOf(sizes, 1) }),
  );

  test("smooths labels and leaves out those to be ignored", async () => {
    const inputs = inputsOf(small, 2);
    inputs.labels[3] = 7;
    const attributes = { ignoreIndex: 7, labelSmoothing: 0.2 };
    await expectMatchesReference(run, { op, sizes: small, inputs, attributes });
    expect((await run(op, small, inputs, attributes)).loss[3]).toBe(0);
  });

  test("gives the same loss when all logits of a row move together", async () => {
    const inputs = inputsOf(small, 3);
    const { loss } = await run(op, small, inputs);
    const moved = await run(op, small, { ...inputs, logits: inputs.logits.map((logit) => logit + 50) });
    expectClose(moved.loss, loss, { relative: 1e-5, label: "loss" });
  });

  test("does not overflow", async () => {
    const inputs = { logits: Float32Array.of(3e38, 0, -3e38, 0), labels: Float32Array.of(0, 1) };
    expect((await run(op, { rows: 2, vocab: 2 }, inputs)).loss).toEqual(Float32Array.of(0, 0));
  });

  test("gives NaN for a label outside the vocabulary and for a row with a NaN, and for no other", async () => {
    const inputs = inputsOf(small, 4);
    inputs.labels[1] = small.vocab;
    inputs.labels[2] = -1;
    inputs.logits[5 * small.vocab + 69] = NaN;
    const { loss } = await run(op, small, inputs);
    expect([...loss].map(Number.isNaN)).toEqual([false, true, true, false, false, true, false]);
  });

  test("takes logits of -Infinity, which no token can be", async () => {
    const sizes = { rows: 1, vocab: 3 };
    const { loss } = await run(op, sizes, { logits: Float32Array.of(1, -Infinity, 1), labels: Float32Array.of(0) });
    expectClose(loss, [Math.log(2)], { relative: 1e-6, label: "loss" });
  });

  test("gives nothing for no rows", async () => {
    const sizes = { rows: 0, vocab: 3 };
    expect((await run(op, sizes, inputsOf(sizes, 1))).loss).toEqual(new Float32Array());
  });

  test("computes a row with the same bits whatever rows are beside it", () =>
    fc.assert(
      fc.asyncProperty(someOf(small.rows), (rows) =>
        expectIndependent(run, { op, sizes: small, inputs: inputsOf(small, 5) }, "rows", rows),
      ),
      tries,
    ));
});

test("names what does not fit", () => {
  const device = new Device(new HostBackend());
  const labels = device.tensor([0, 1, 2], [3], "i32");
  expect(() => crossEntropy(device.zeros([2, 5]), labels)).toThrow(
    new TypeError('Cannot run "cross-entropy": "rows" is 2 in logits but 3 in labels'),
  );
});
