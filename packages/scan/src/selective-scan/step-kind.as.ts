/** What a step does to the state before it. */
import { at } from "../../../wasm/src/snippets/memory.as.ts";

/** It leaves the state as it is. */
export const PADDING = 0;
export const ORDINARY = 1;
/** It is the first of a packed sequence, and the state is zeroed before it. */
export const BEGINNING = 2;

/** The kinds of a sequence's steps, each a 32-bit integer. The step before one is the last that is no padding. */
export function stepKinds(mask: usize, seqIdx: usize, time: i32, kinds: usize): void {
  let begun = false;
  let sequence = 0;
  for (let t = 0; t < time; t++) {
    if (mask != 0 && load<i32>(at(mask, t)) == 0) {
      store<i32>(at(kinds, t), PADDING);
      continue;
    }
    const id = seqIdx ? load<i32>(at(seqIdx, t)) : 0;
    store<i32>(at(kinds, t), begun && id != sequence ? BEGINNING : ORDINARY);
    begun = true;
    sequence = id;
  }
}
