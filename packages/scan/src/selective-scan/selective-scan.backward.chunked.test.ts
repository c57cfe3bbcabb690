import { expectMatchesReference, expectNaNsOfReference, backends, randomInputs, scanSizes } from "@elapid/testing";
import { describe, test } from "vitest";
import { complexSelectiveScanBackward } from "./complex-selective-scan.backward.ts";
import { selectiveScanBackward } from "./selective-scan.backward.ts";

const attributes = { deltaSoftplus: true };
const ranges = { delta: [-6, 0], A: [-4, -0.1], mask: [0, 1], seqIdx: [0, 1] } as const;
// chunks have 32 steps; a block of 64 channels does not reach over the end of a group
const shapes = [
  scanSizes({ batch: 2, time: 65, inner: 5, state: 3 }),
  scanSizes({ batch: 2, time: 40, inner: 6, state: 4 }, { B: { groups: 2 }, C: { groups: 3 } }),
  scanSizes({ batch: 2, time: 40, inner: 132, state: 2 }, { B: { groups: 2 }, C: "constant" }),
  scanSizes({ batch: 1, time: 33, inner: 4, state: 20 }, { B: "constant", C: { groups: 4 } }),
];

const { run } = backends().find(({ name }) => name.startsWith("webgpu"))!;

describe.each([{ op: selectiveScanBackward }, { op: complexSelectiveScanBackward }])("WGSL of $op.name", ({ op }) => {
  describe.each(shapes)("at B$batch T$time E$inner N$state, $groupsB groups of B, $groupsC of C", (sizes) => {
    test("matches the reference with packed sequences that are padded", () =>
      expectMatchesReference(run, { op, sizes, inputs: randomInputs(op, sizes, { seed: 1, ranges }), attributes }));
  });

  test("has NaN where the reference has it", () =>
    expectNaNsOfReference(run, {
      op,
      sizes: shapes[0],
      inputs: randomInputs(op, shapes[0], { seed: 2, ranges }),
      attributes,
    }));
});
