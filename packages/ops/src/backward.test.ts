import { padOp, sumRowsOp, type AnyOp, type Attributes } from "@elapid/tensor";
import {
  backends,
  expectIndependent,
  expectMatchesReference,
  expectNaNsOfReference,
  expectSameBitsOnThreads,
  randomInputs,
  someOf,
  tries,
  type RandomOptions,
  type Sizes,
} from "@elapid/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crossEntropyBackward } from "./cross-entropy/cross-entropy.backward.ts";
import { geluBackward } from "./elementwise/gelu.backward.ts";
import { sigmoidBackward } from "./elementwise/sigmoid.backward.ts";
import { siluBackward } from "./elementwise/silu.backward.ts";
import { softplusBackward } from "./elementwise/softplus.backward.ts";
import { embeddingBackward } from "./embedding/embedding.backward.ts";
import { layerNormBackward } from "./layer-norm/layer-norm.backward.ts";
import { matmulInputGradient, matmulWeightGradient } from "./matmul/matmul.backward.ts";
import { rmsNormBackward } from "./rms-norm/rms-norm.backward.ts";

interface Question {
  readonly op: AnyOp;
  /** Awkward ones, the last of them large enough for threads to share. */
  readonly sizes: readonly Sizes[];
  readonly ranges?: RandomOptions["ranges"];
  readonly attributes?: Attributes;
  /** The dimension along which results do not depend on each other. */
  readonly independent?: string;
}

const products: readonly Sizes[] = [
  { rows: 1, in: 1, out: 1 },
  { rows: 1, in: 63, out: 257 },
  { rows: 63, in: 257, out: 1 },
  { rows: 257, in: 1, out: 63 },
  { rows: 7, in: 12, out: 600 }, // terms of several blocks
  { rows: 600, in: 13, out: 11 },
  { rows: 257, in: 63, out: 257 },
];
const norms: readonly Sizes[] = [
  { rows: 1, features: 1 },
  { rows: 63, features: 257 },
  { rows: 257, features: 63 },
  { rows: 257, features: 257 },
];
const lines: readonly Sizes[] = [{ rows: 1 }, { rows: 63 }, { rows: 257 }, { rows: 40_001 }];

const questions: readonly Question[] = [
  { op: matmulInputGradient, sizes: products, independent: "rows" },
  { op: matmulWeightGradient, sizes: products },
  { op: rmsNormBackward, sizes: norms },
  { op: layerNormBackward, sizes: norms },
  {
    op: embeddingBackward,
    sizes: [
      { rows: 1, vocab: 1, features: 1 },
      { rows: 63, vocab: 5, features: 257 },
      { rows: 257, vocab: 63, features: 63 },
      { rows: 257, vocab: 257, features: 257 },
    ],
    ranges: { ids: [-1, 5] }, // some outside of the table
  },
  ...[
    { labelSmoothing: 0, ignoreIndex: -100 },
    { labelSmoothing: 0.1, ignoreIndex: 2 },
  ].map((attributes) => ({
    op: crossEntropyBackward,
    sizes: [
      { rows: 1, vocab: 1 },
      { rows: 63, vocab: 257 },
      { rows: 257, vocab: 63 },
      { rows: 257, vocab: 257 },
    ],
    ranges: { logits: [-8, 8], labels: [-1, 4] } as const,
    attributes,
    independent: "rows",
  })),
  { op: siluBackward, sizes: lines, ranges: { x: [-20, 20] }, independent: "rows" },
  { op: softplusBackward, sizes: lines, ranges: { x: [-25, 25] }, independent: "rows" },
  { op: sigmoidBackward, sizes: lines, ranges: { x: [-20, 20] }, independent: "rows" },
  { op: geluBackward, sizes: lines, ranges: { x: [-20, 20] }, independent: "rows" },
  {
    op: padOp,
    sizes: [
      { outer: 1, part: 1, inner: 1 },
      { outer: 63, part: 5, inner: 1 },
      { outer: 257, part: 3, inner: 63 },
    ],
    attributes: { start: 2, length: 9 },
    independent: "outer",
  },
  {
    op: sumRowsOp,
    sizes: [
      { rows: 1, size: 1 },
      { rows: 257, size: 1 },
      { rows: 63, size: 257 },
      { rows: 257, size: 257 },
    ],
  },
];

const named = questions.map((question) => ({ name: question.op.name, ...question }));

describe.each(backends())("gradients on $name", ({ run }) => {
  describe.each(named)("$name", ({ op, sizes: all, ranges, attributes }) => {
    const inputsOf = (sizes: Sizes) => randomInputs(op, sizes, { seed: 1, ranges, attributes });

    test.each(all)("matches the reference at %j", (sizes) =>
      expectMatchesReference(run, { op, sizes, inputs: inputsOf(sizes), attributes }),
    );

    test("gives the same bits twice", async () => {
      const inputs = inputsOf(all[1]);
      expect(await run(op, all[1], inputs, attributes)).toEqual(await run(op, all[1], inputs, attributes));
    });

    test("has NaN where the reference has it", () =>
      expectNaNsOfReference(run, { op, sizes: all[1], inputs: inputsOf(all[1]), attributes }));
  });

  test.each(named.filter(({ independent }) => independent !== undefined))(
    "$name has the same bits whatever is computed beside it",
    ({ op, sizes: all, ranges, attributes, independent = "" }) => {
      const sizes = { ...all[1], [independent]: 9 };
      const inputs = randomInputs(op, sizes, { seed: 4, ranges, attributes });
      return fc.assert(
        fc.asyncProperty(someOf(9), (chosen) =>
          expectIndependent(run, { op, sizes, inputs, attributes }, independent, chosen),
        ),
        tries,
      );
    },
  );

  test("of matmul are zero where there is nothing to sum", async () => {
    const noOutputs = { rows: 2, in: 3, out: 0 };
    const { dx } = await run(matmulInputGradient, noOutputs, randomInputs(matmulInputGradient, noOutputs, { seed: 1 }));
    expect(dx).toEqual(new Float32Array(6));
    const noRows = { rows: 0, in: 3, out: 2 };
    const { dweight } = await run(
      matmulWeightGradient,
      noRows,
      randomInputs(matmulWeightGradient, noRows, { seed: 1 }),
    );
    expect(dweight).toEqual(new Float32Array(6));
  });

  test("of norms are zero where there are no rows", async () => {
    const sizes = { rows: 0, features: 3 };
    for (const op of [rmsNormBackward, layerNormBackward]) {
      expect((await run(op, sizes, randomInputs(op, sizes, { seed: 1 }))).dweight).toEqual(new Float32Array(3));
    }
  });

  test("of layer-norm keep their digits where a row is far from 0", () => {
    const sizes = { rows: 7, features: 70 };
    const inputs = randomInputs(layerNormBackward, sizes, { seed: 2, ranges: { x: [999, 1001] } });
    return expectMatchesReference(run, { op: layerNormBackward, sizes, inputs }, 3e-4);
  });

  test("of cross-entropy keep their digits where a prediction is sure", async () => {
    const logits = Float32Array.of(20, 0, 0);
    const { dlogits } = await run(
      crossEntropyBackward,
      { rows: 1, vocab: 3 },
      { logits, labels: Float32Array.of(0), dloss: Float32Array.of(1) },
    );
    const rest = Math.exp(-20) / (1 + 2 * Math.exp(-20));
    expect(dlogits[0] / (-2 * rest)).toBeCloseTo(1, 5);
    expect(dlogits[1] / rest).toBeCloseTo(1, 5);
  });
});

test.each(named)("$name gives the same bits on any number of threads", ({ op, sizes: all, ranges, attributes }) => {
  const sizes = all.at(-1)!;
  return expectSameBitsOnThreads({
    op,
    sizes,
    inputs: randomInputs(op, sizes, { seed: 3, ranges, attributes }),
    attributes,
  });
});
