/** Copies a part of the middle dimension, one run of memory for each of the outer ones: a unit is such a run. */
import { at } from "../../../wasm/src/snippets/memory.as.ts";

export function slice(
  begin: i32, end: i32, scratch: usize,
  full: i32, part: i32, inner: i32, start: i32,
  x: usize, y: usize,
): void {
  const bytes: usize = (<usize>part * inner) << 2;
  for (let o = begin; o < end; o++) {
    memory.copy(at(y, o * part * inner), at(x, (o * full + start) * inner), bytes);
  }
}
