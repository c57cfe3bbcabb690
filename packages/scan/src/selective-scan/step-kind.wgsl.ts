import { wgsl } from "@elapid/webgpu";

/** What a step does to the state before it, as a number that scratch can hold. */
export const stepKinds = wgsl`
const padding = 0.0; // leaves it
const ordinary = 1.0;
const beginning = 2.0; // of a packed sequence: zeroes it`;

/** The kind of the step at `row`, in a pass that binds `mask` and `seqIdx`. The step before is the last that is no padding. */
export const stepKind = wgsl`
${stepKinds}
fn stepKind(row: u32) -> f32 {
  if (hasMask) {
    if (mask[row] == 0) { return padding; }
  }
  if (hasSeqIdx) {
    for (var before = row; before % dims.time > 0; before--) {
      if (hasMask) {
        if (mask[before - 1] == 0) { continue; }
      }
      return select(ordinary, beginning, seqIdx[before - 1] != seqIdx[row]);
    }
  }
  return ordinary;
}`;
