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
import {
  causalConv1d,
  complexLinearScan,
  complexSelectiveScanOp,
  discretizeDiagonal,
  fftConv,
  gru,
  linearScan,
  ltiScan,
  mamba3,
  mamba3Steps,
  rnn,
  s4dKernel,
  scanMax,
  scanProduct,
  scanSum,
  selectiveScanOp,
  ssd,
  ssmKernelDiag,
} from "@elapid/scan";
import { binaryOps, concatOp, sliceOp, unaryOps, type AnyOp, type Attributes } from "@elapid/tensor";
import type { Call } from "./call.ts";
import { randomInputs, type RandomOptions, type Sizes } from "./inputs.ts";
import { scanSizes } from "./scan-sizes.ts";

interface Sample {
  readonly op: AnyOp;
  readonly sizes: Sizes;
  /** Adds the sizes that follow from others in this sample. */
  readonly complete?: (sizes: Sizes) => Sizes;
  readonly ranges?: RandomOptions["ranges"];
  readonly attributes?: Attributes;
}

const scan = {
  op: selectiveScanOp,
  complete: (sizes: Sizes) => scanSizes(sizes),
  ranges: { delta: [-4, 1], A: [-4, -0.1], mask: [0, 1], seqIdx: [0, 1] },
  attributes: { deltaSoftplus: true },
} as const;

/** Modes that decay. */
const system = {
  ranges: { A: [-2, -0.1], dt: [0.05, 0.5], logDt: [-4, -1], logAReal: [-1, 0.5], AImag: [-10, 10] },
} as const;

/** States that settle, padding and packed sequences. */
const recurrent = { ranges: { weight: [-0.2, 0.2], mask: [0, 1], seqIdx: [0, 1] } } as const;

const samples: readonly Sample[] = [
  { op: matmulOp, sizes: { rows: 1, in: 63, out: 130 } },
  { op: matmulOp, sizes: { rows: 65, in: 63, out: 33 } },
  { op: embeddingOp, sizes: { rows: 9, vocab: 11, features: 37 }, ranges: { ids: [0, 10] } },
  { op: rmsNormOp, sizes: { rows: 5, features: 257 } },
  { op: addRmsNormOp, sizes: { rows: 5, features: 257 } },
  { op: layerNormOp, sizes: { rows: 5, features: 257 } },
  { op: crossEntropyOp, sizes: { rows: 7, vocab: 257 }, ranges: { logits: [-8, 8], labels: [0, 256] } },
  ...[siluOp, softplusOp, unaryOps.exp, unaryOps.neg].map((op) => ({
    op,
    sizes: { rows: 257 },
    ranges: { x: [-10, 5] } as const,
  })),
  ...[binaryOps.add, binaryOps.mul].map((op) => ({ op, sizes: { rows: 7, size: 37 } })),
  { op: sliceOp, sizes: { outer: 3, full: 17, inner: 5 }, attributes: { start: 4, length: 9 } },
  { op: concatOp, sizes: { outer: 3, first: 17, second: 2, inner: 5 } },
  {
    op: causalConv1d,
    sizes: { batch: 2, time: 19, inner: 37, width: 4 },
    ranges: { mask: [0, 1] },
    attributes: { activation: "silu" },
  },
  ...[scanSum.op, scanMax.op, linearScan.op].flatMap((op) => [
    { op, sizes: { outer: 3, time: 600, inner: 1 } },
    { op, sizes: { outer: 2, time: 33, inner: 7 } },
  ]),
  { op: scanProduct.op, sizes: { outer: 3, time: 600, inner: 1 }, ranges: { x: [0.9, 1.1] } },
  { op: complexLinearScan.op, sizes: { outer: 3, time: 600, inner: 1 }, ranges: { a: [-0.7, 0.7] } },
  { ...scan, sizes: { batch: 2, time: 33, inner: 37, state: 16 } },
  { ...scan, sizes: { batch: 2, time: 1, inner: 37, state: 16 } },
  // longer than two chunks of steps
  ...[65, 1].map((time) => ({
    op: ssd,
    sizes: { batch: 2, time, heads: 4, headDim: 17, groups: 2, state: 6 },
    ranges: { delta: [-3, 1], A: [-2, -0.1], logDecay: [-1, 0], mask: [0, 1], seqIdx: [0, 1] } as const,
    attributes: { deltaSoftplus: true },
  })),
  {
    op: mamba3,
    sizes: { batch: 2, time: 19, heads: 4, headDim: 5, rank: 2, groups: 2, state: 6, pairs: 2 },
    ranges: { logDecay: [-1.5, -0.01], delta: [0.01, 1], angles: [-2, 2], mask: [0, 1], seqIdx: [0, 1] },
  },
  { op: mamba3Steps, sizes: { batch: 2, time: 19, heads: 4, pairs: 3 } },
  { ...system, op: discretizeDiagonal, sizes: { inner: 5, state: 7, parts: 2 } },
  { ...system, op: ssmKernelDiag, sizes: { inner: 5, state: 7, complex: 2 }, attributes: { time: 65 } },
  { ...system, op: s4dKernel, sizes: { inner: 5, state: 7, complex: 2 }, attributes: { time: 65 } },
  { ...system, op: ltiScan, sizes: { batch: 2, time: 37, inner: 5, state: 3, complex: 2 } },
  { op: fftConv, sizes: { batch: 2, time: 37, inner: 5, taps: 37 } },
  { ...recurrent, op: rnn, sizes: { batch: 3, time: 9, hidden: 13 } },
  { ...recurrent, op: gru, sizes: { batch: 3, time: 9, hidden: 13 } },
];

/** Large enough for kernels that WebGPU alone has: with chunks of time that are walked side by side, and groups. */
const webGpuSamples: readonly Sample[] = [selectiveScanOp, complexSelectiveScanOp].map((op) => ({
  ...scan,
  op,
  sizes: { batch: 2, time: 97, inner: 6, state: 3 },
  complete: (sizes) => scanSizes(sizes, { B: { groups: 2 }, C: "constant" }),
}));

/** Calls that together run every op, small enough for any runtime; the outermost dimension is `scale` times as long. */
export function sampleCalls(scale = 1): Call[] {
  return callsOf(samples, scale);
}

/** Calls for WebGPU, beside those for all devices. */
export function webGpuCalls(): Call[] {
  return callsOf(webGpuSamples, 1);
}

function callsOf(samplesOf: readonly Sample[], scale: number): Call[] {
  return samplesOf.map(({ op, sizes, complete = (all) => all, ranges, attributes }) => {
    const [outermost] = Object.keys(sizes);
    const scaled = complete({ ...sizes, [outermost]: scale * sizes[outermost] });
    const inputs = randomInputs(op, scaled, { seed: 1, ranges, attributes });
    return { op, sizes: scaled, inputs, attributes };
  });
}
