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
  fftConv,
  gru,
  linearScan,
  ltiScan,
  mamba3,
  rnn,
  scanMax,
  scanProduct,
  scanSum,
  selectiveScanOp,
  ssd,
} from "@elapid/scan";
import { binaryOps, concatOp, sliceOp, unaryOps, type AnyOp, type Attributes } from "@elapid/tensor";
import fc from "fast-check";
import { describe, test } from "vitest";
import { seeds, triesOn } from "./arbitraries.ts";
import { backends } from "./backends.ts";
import { randomInputs, type RandomOptions, type Sizes } from "./inputs.ts";
import { expectMatchesReference } from "./laws.ts";
import { scanSizes } from "./scan-sizes.ts";

interface Entry {
  readonly op: AnyOp;
  /** The largest size of each dim; the smallest is 1. */
  readonly upTo: Sizes;
  /** Adds the sizes that follow from those. */
  readonly complete?: (sizes: Sizes) => Sizes;
  readonly ranges?: (sizes: Sizes) => RandomOptions["ranges"];
  readonly attributes?: (sizes: Sizes) => Attributes;
}

const entries: readonly Entry[] = [
  { op: matmulOp, upTo: { rows: 40, in: 150, out: 150 } },
  { op: embeddingOp, upTo: { rows: 40, vocab: 20, features: 150 }, ranges: ({ vocab }) => ({ ids: [0, vocab - 1] }) },
  { op: rmsNormOp, upTo: { rows: 40, features: 600 } },
  { op: addRmsNormOp, upTo: { rows: 40, features: 600 } },
  { op: layerNormOp, upTo: { rows: 40, features: 600 } },
  {
    op: crossEntropyOp,
    upTo: { rows: 40, vocab: 600 },
    ranges: ({ vocab }) => ({ logits: [-8, 8], labels: [0, vocab - 1] }),
  },
  ...[siluOp, softplusOp, unaryOps.exp, unaryOps.neg].map((op) => ({ op, upTo: { rows: 3000 } })),
  ...[binaryOps.add, binaryOps.mul].map((op) => ({ op, upTo: { rows: 40, size: 150 } })),
  {
    op: sliceOp,
    upTo: { outer: 20, full: 40, inner: 20 },
    attributes: ({ full }) => ({ start: Math.floor(full / 3), length: Math.ceil(full / 2) }),
  },
  { op: concatOp, upTo: { outer: 20, first: 40, second: 40, inner: 20 } },
  {
    op: causalConv1d,
    upTo: { batch: 3, time: 40, inner: 80, width: 8 },
    ranges: () => ({ mask: [0, 1] }),
    attributes: ({ inner }) => ({ activation: inner % 2 === 0 ? "silu" : "none" }),
  },
  {
    op: selectiveScanOp,
    upTo: { batch: 3, time: 40, inner: 80, state: 40 },
    complete: (sizes) => scanSizes(sizes, sizes.inner % 2 === 0 ? { B: { groups: 2 } } : { C: "constant" }),
    ranges: () => ({ delta: [-4, 1], A: [-4, -0.1], mask: [0, 1], seqIdx: [0, 1] }),
    attributes: () => ({ deltaSoftplus: true }),
  },
  ...[scanSum.op, scanMax.op, scanProduct.op, linearScan.op, complexLinearScan.op].map((op) => ({
    op,
    // longer than a tile of 512 steps
    upTo: { outer: 4, time: 1200, inner: 5 },
    complete: (sizes: Sizes) => ({ ...sizes, part: 1, complex: 2 }),
    ranges: () => ({ x: [op === scanProduct.op ? 0.9 : -1, 1.1], a: [-0.7, 0.7] }) as const,
    attributes: ({ time }: Sizes) => ({ reverse: time % 2 === 0, exclusive: time % 3 === 0 }),
  })),
  {
    op: ssd,
    upTo: { batch: 2, time: 80, groups: 3, headDim: 40, state: 40 },
    complete: (sizes) => ({ ...sizes, heads: 2 * sizes.groups }),
    ranges: () => ({ delta: [-3, 1], A: [-2, -0.1], logDecay: [-1, 0], mask: [0, 1], seqIdx: [0, 1] }),
    attributes: () => ({ deltaSoftplus: true }),
  },
  {
    op: mamba3,
    upTo: { batch: 2, time: 20, groups: 2, headDim: 40, state: 20 },
    complete: (sizes) => ({
      ...sizes,
      heads: 2 * sizes.groups,
      rank: (sizes.headDim % 3) + 1,
      pairs: Math.floor(sizes.state / 4),
    }),
    ranges: () => ({ logDecay: [-1.5, -0.01], delta: [0.01, 1], angles: [-2, 2], mask: [0, 1], seqIdx: [0, 1] }),
  },
  {
    op: ltiScan,
    upTo: { batch: 3, time: 80, inner: 20, state: 20 },
    complete: (sizes) => ({ ...sizes, complex: 2 }),
    ranges: () => ({ A: [-2, -0.1], dt: [0.05, 0.5] }),
  },
  { op: fftConv, upTo: { batch: 3, time: 300, inner: 5, taps: 300 } },
  ...[rnn, gru].map((op) => ({
    op,
    upTo: { batch: 5, time: 20, hidden: 150 },
    ranges: ({ hidden }: Sizes) =>
      ({ weight: [-(hidden ** -0.5), hidden ** -0.5], mask: [0, 1], seqIdx: [0, 1] }) as const,
  })),
];

describe.each(backends())("any sizes on $name", ({ run, name: backend }) => {
  test.each(entries.map((entry) => ({ name: entry.op.name, ...entry })))(
    "$name matches the reference, with and without what is optional",
    ({ op, upTo, complete = (all) => all, ranges, attributes }) => {
      const optional = op.inputs.filter((port) => port.optional).map(({ name }) => name);
      const sizesArbitrary = fc.record(
        Object.fromEntries(Object.entries(upTo).map(([dim, max]) => [dim, fc.integer({ min: 1, max })])),
      );
      return fc.assert(
        fc.asyncProperty(sizesArbitrary, seeds, fc.subarray(optional), async (drawn, seed, without) => {
          const sizes = complete(drawn);
          const given = attributes?.(sizes);
          const inputs = randomInputs(op, sizes, {
            seed,
            ranges: ranges?.(sizes),
            without,
            attributes: given,
          });
          await expectMatchesReference(run, { op, sizes, inputs, attributes: given });
        }),
        triesOn(backend),
      );
    },
  );
});
