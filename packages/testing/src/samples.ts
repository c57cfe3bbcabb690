import {
  crossEntropyOp,
  embeddingOp,
  layerNormOp,
  matmulOp,
  addRmsNormOp,
  rmsNormOp,
  siluOp,
  softplusOp,
} from "@elapid/ops";
import { causalConv1d, selectiveScan } from "@elapid/scan";
import { binaryOps, concatOp, sliceOp, unaryOps, type AnyOp, type Attributes } from "@elapid/tensor";
import type { Call } from "./call.ts";
import { randomInputs, type RandomOptions, type Sizes } from "./inputs.ts";

function sample(op: AnyOp, sizes: Sizes, ranges: RandomOptions["ranges"] = {}, attributes: Attributes = {}): Call {
  return { op, sizes, inputs: randomInputs(op, sizes, { seed: 1, ranges, attributes }), attributes };
}

const scan = { delta: [-4, 1], A: [-4, -0.1], mask: [0, 1] } as const;

/** Calls that together run every op, small enough for any runtime; the op tests ask the rest. */
export const samples: readonly Call[] = [
  sample(matmulOp, { rows: 1, in: 63, out: 130 }),
  sample(matmulOp, { rows: 65, in: 63, out: 33 }),
  sample(embeddingOp, { rows: 9, vocab: 11, features: 37 }, { ids: [0, 10] }),
  sample(rmsNormOp, { rows: 5, features: 257 }),
  sample(addRmsNormOp, { rows: 5, features: 257 }),
  sample(layerNormOp, { rows: 5, features: 257 }),
  sample(crossEntropyOp, { rows: 7, vocab: 257 }, { logits: [-8, 8], labels: [0, 256] }),
  ...[siluOp, softplusOp, unaryOps.exp, unaryOps.neg].map((op) => sample(op, { rows: 257 }, { x: [-10, 5] })),
  ...[binaryOps.add, binaryOps.mul].map((op) => sample(op, { rows: 7, size: 37 })),
  sample(sliceOp, { outer: 3, full: 17, inner: 5 }, {}, { start: 4, length: 9 }),
  sample(concatOp, { outer: 3, first: 17, second: 2, inner: 5 }),
  sample(causalConv1d, { batch: 2, time: 19, inner: 37, width: 4 }, { mask: [0, 1] }, { activation: "silu" }),
  sample(selectiveScan, { batch: 2, time: 33, inner: 37, state: 16 }, scan, { deltaSoftplus: true }),
  sample(selectiveScan, { batch: 2, time: 1, inner: 37, state: 16 }, scan, { deltaSoftplus: true }),
];
