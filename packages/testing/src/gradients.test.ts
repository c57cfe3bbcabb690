import {
  addRmsNormOp,
  crossEntropyOp,
  embeddingOp,
  layerNormOp,
  matmulOp,
  rmsNormOp,
  siluOp,
  softplusOp,
} from "@elapid/ops";
import { causalConv1d, complexSelectiveScanOp, selectiveScanOp } from "@elapid/scan";
import { binaryOps, concatOp, defineOp, padOp, sliceOp, sumRowsOp, unaryOps, type AnyOp } from "@elapid/tensor";
import { expect, test } from "vitest";
import { expectGradients } from "./gradients.ts";
import { randomInputs, type RandomOptions, type Sizes } from "./inputs.ts";
import { scanSizes } from "./scan-sizes.ts";

type Case = Omit<RandomOptions, "seed"> & { readonly op: AnyOp; readonly sizes: Sizes };

const conv = { op: causalConv1d, sizes: { batch: 2, time: 5, inner: 2, width: 3 } };
const scan = {
  op: selectiveScanOp,
  sizes: scanSizes({ batch: 2, time: 4, inner: 2, state: 3 }),
  ranges: { A: [-2, -0.1], mask: [0, 1], seqIdx: [0, 1] },
} as const;
const ownRows = { batch: 2, time: 5, inner: 4, state: 2 };
const complexScan = { op: complexSelectiveScanOp, ranges: scan.ranges, attributes: { deltaSoftplus: true } };

const cases: readonly Case[] = [
  { op: matmulOp, sizes: { rows: 3, in: 4, out: 5 } },
  { op: embeddingOp, sizes: { rows: 5, vocab: 4, features: 3 }, ranges: { ids: [0, 3] } },
  { op: rmsNormOp, sizes: { rows: 3, features: 5 } },
  { op: addRmsNormOp, sizes: { rows: 3, features: 5 } },
  { op: layerNormOp, sizes: { rows: 3, features: 5 } },
  { op: crossEntropyOp, sizes: { rows: 3, vocab: 5 }, ranges: { labels: [0, 4] } },
  {
    op: crossEntropyOp,
    sizes: { rows: 3, vocab: 5 },
    ranges: { labels: [0, 4] },
    attributes: { labelSmoothing: 0.1, ignoreIndex: 2 },
  },
  { op: siluOp, sizes: { rows: 9 }, ranges: { x: [-4, 4] } },
  { op: softplusOp, sizes: { rows: 9 }, ranges: { x: [-4, 4] } },
  { op: unaryOps.exp, sizes: { rows: 9 } },
  { op: unaryOps.neg, sizes: { rows: 9 } },
  { op: binaryOps.add, sizes: { rows: 3, size: 4 } },
  { op: binaryOps.mul, sizes: { rows: 3, size: 4 } },
  { op: sumRowsOp, sizes: { rows: 3, size: 4 } },
  { op: sliceOp, sizes: { outer: 2, full: 5, inner: 2 }, attributes: { start: 1, length: 3 } },
  { op: padOp, sizes: { outer: 2, part: 3, inner: 2 }, attributes: { start: 1, length: 5 } },
  { op: concatOp, sizes: { outer: 2, first: 3, second: 2, inner: 2 } },
  { ...conv, ranges: { mask: [0, 1] }, attributes: { activation: "silu" } },
  { ...conv, without: ["bias", "initialState", "mask"], attributes: { activation: "none" } },
  { ...scan, attributes: { deltaSoftplus: true } },
  {
    ...scan,
    without: ["D", "z", "deltaBias", "initialState", "mask", "seqIdx"],
    ranges: { ...scan.ranges, delta: [0.1, 0.9] },
  },
  { ...scan, sizes: scanSizes(ownRows, { B: { groups: 2 }, C: "constant" }), without: ["mask"] },
  { ...scan, sizes: scanSizes(ownRows, { B: "constant", C: { groups: 4 } }), attributes: { deltaSoftplus: true } },
  { ...complexScan, sizes: scanSizes(ownRows), without: ["z"] },
  { ...complexScan, sizes: scanSizes(ownRows, { B: "constant", C: { groups: 2 } }) },
];

test.each(cases.map((entry) => ({ ...entry, name: entry.op.name })))(
  "the gradient of $name by every input agrees with finite differences, case %#",
  async ({ op, sizes, ranges, without, attributes }) => {
    const inputs = randomInputs(op, sizes, { seed: 3, ranges, without, attributes });
    await expectGradients({ op, sizes, inputs, attributes });
  },
);

test("a wrong gradient is caught", async () => {
  const square = defineOp({
    name: "square",
    inputs: { x: "..." },
    outputs: { y: "..." },
    reference: ({ inputs: { x }, outputs: { y } }) => x.forEach((value, i) => (y[i] = value * value)),
    gradient: ({ inputs: { x }, grads: { y: dy } }) => ({ x: dy?.mul(x) }), // half of what it should be
  });
  const inputs = randomInputs(square, { rows: 4 }, { seed: 1 });
  await expect(expectGradients({ op: square, sizes: { rows: 4 }, inputs })).rejects.toThrow("gradient of square by x");
});
