import { defineOp, optional, optionalInts, type ReferenceCall } from "@elapid/tensor";

/**
 * Declaration of the states that the steps of a recurrent network began with, from those that they left: for a step that is no
 * padding the `y` of the last such step, or `initialState`, or 0, and 0 too where `seqIdx` changes. Where a step is padding, 0.
 * Gradients are computed from them; it has none itself.
 */
export const statesBefore = defineOp({
  name: "states-before",
  inputs: {
    y: "batch time hidden",
    initialState: optional("batch hidden"),
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
  },
  outputs: { before: "batch time hidden" },
  reference: statesBeforeReference,
});

function statesBeforeReference({
  dims: { batch, time, hidden },
  inputs: { y, initialState, mask, seqIdx },
  outputs: { before },
}: ReferenceCall<"batch time hidden", "y initialState? mask:i32? seqIdx:i32?", "before">): void {
  before.fill(0);
  for (let b = 0; b < batch; b++) {
    let h = initialState?.subarray(b * hidden, (b + 1) * hidden);
    let sequence: number | undefined;
    for (let row = b * time; row < (b + 1) * time; row++) {
      if (mask?.[row] === 0) continue;
      const begins = sequence !== undefined && seqIdx?.[row] !== sequence;
      if (h !== undefined && !begins) before.set(h, row * hidden);
      h = y.subarray(row * hidden, (row + 1) * hidden);
      sequence = seqIdx?.[row];
    }
  }
}
