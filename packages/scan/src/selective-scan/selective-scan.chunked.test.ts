import { Device } from "@elapid/tensor";
import {
  expectMatchesReference,
  PoisoningBackend,
  randomInputs,
  runArrays,
  scanSizes,
  softwareWebGpu,
  type Run,
} from "@elapid/testing";
import type { Kernel } from "@elapid/webgpu";
import { afterAll, describe, expect, test } from "vitest";
import { complexSelectiveScanOp } from "./complex-selective-scan.ts";
import { complexSelectiveScanChunked, complexSelectiveScanForward } from "./complex-selective-scan.wgsl.ts";
import { selectiveScanChunked } from "./selective-scan.chunked.wgsl.ts";
import { selectiveScanForward } from "./selective-scan.forward.wgsl.ts";
import { selectiveScanStep } from "./selective-scan.step.wgsl.ts";
import { selectiveScanOp } from "./selective-scan.ts";

const attributes = { deltaSoftplus: true };
const ranges = { delta: [-6, 0], A: [-4, -0.1], mask: [0, 1], seqIdx: [0, 1] } as const;
const optional = ["D", "z", "deltaBias", "initialState", "mask", "seqIdx"];
// chunks have 32 steps, 64 where the state has so many numbers
const shapes = [
  scanSizes({ batch: 2, time: 65, inner: 5, state: 16 }),
  scanSizes({ batch: 1, time: 257, inner: 63, state: 1 }),
  scanSizes({ batch: 1, time: 353, inner: 3, state: 40 }),
  scanSizes({ batch: 2, time: 97, inner: 6, state: 3 }, { B: { groups: 2 }, C: "constant" }),
  scanSizes({ batch: 2, time: 96, inner: 6, state: 4 }, { B: "constant", C: { groups: 3 } }),
];

/** Opens a device that has one kernel, whatever it suits. */
function only(kernel: Kernel): Run {
  const opened = softwareWebGpu([{ ...kernel, suits: () => true }]).then(
    (backend) => new Device(new PoisoningBackend(backend), { strict: true }),
  );
  afterAll(async () => (await opened).dispose());
  return async (...call) => runArrays(await opened, ...call);
}

describe.each([
  { op: selectiveScanOp, sequential: selectiveScanForward, chunked: selectiveScanChunked },
  { op: complexSelectiveScanOp, sequential: complexSelectiveScanForward, chunked: complexSelectiveScanChunked },
])("WGSL of $op.name", ({ op, ...kernels }) => {
  const sequential = only(kernels.sequential);
  const chunked = only(kernels.chunked);

  describe.each(shapes)("at B$batch T$time E$inner N$state, $groupsB groups of B, $groupsC of C", (sizes) => {
    test.each([
      { what: "everything", without: [] },
      { what: "nothing optional", without: optional },
      { what: "packed sequences that are not padded", without: ["mask", "z"] },
    ])("both kernels match the reference with $what, and have the same bits", async ({ without }) => {
      const inputs = randomInputs(op, sizes, { seed: 1, ranges, without });
      const call = { op, sizes, inputs, attributes };
      await expectMatchesReference(chunked, call);
      expect(await chunked(op, sizes, inputs, attributes)).toEqual(await sequential(op, sizes, inputs, attributes));
    });
  });

  test("a long sequence is one that begins where the others end", async () => {
    const sizes = scanSizes({ batch: 1, time: 160, inner: 3, state: 2 });
    const inputs = randomInputs(op, sizes, { seed: 2, ranges, without: ["mask"] });
    // the first and the last step of a chunk begin a sequence, and chunks without a beginning lie between
    const seqIdx = inputs.seqIdx.map((_, t) => [32, 63, 128].filter((begin) => t >= begin).length);
    await expectMatchesReference(chunked, { op, sizes, inputs: { ...inputs, seqIdx }, attributes });
    const mask = seqIdx.map((_, t) => Number(t < 20 || t > 100));
    await expectMatchesReference(chunked, { op, sizes, inputs: { ...inputs, seqIdx, mask }, attributes });
  });
});

describe.each([
  scanSizes({ batch: 1, time: 1, inner: 1, state: 1 }),
  scanSizes({ batch: 2, time: 1, inner: 63, state: 16 }),
  scanSizes({ batch: 3, time: 1, inner: 258, state: 40 }, { B: { groups: 2 }, C: { groups: 3 } }),
  scanSizes({ batch: 2, time: 1, inner: 6, state: 3 }, { B: "constant", C: "constant" }),
])("one token at B$batch E$inner N$state, $groupsB groups of B, $groupsC of C", (sizes) => {
  const sequential = only(selectiveScanForward);
  const step = only(selectiveScanStep);

  test.each([
    { what: "everything", without: [] },
    { what: "nothing optional", without: optional },
    { what: "no step sizes' bias", without: ["mask", "seqIdx", "deltaBias"] },
  ])("matches the reference with $what, and has the bits of the kernel for sequences", async ({ without }) => {
    const inputs = randomInputs(selectiveScanOp, sizes, { seed: 3, ranges, without });
    await expectMatchesReference(step, { op: selectiveScanOp, sizes, inputs, attributes });
    expect(await step(selectiveScanOp, sizes, inputs, attributes)).toEqual(
      await sequential(selectiveScanOp, sizes, inputs, attributes),
    );
  });
});
