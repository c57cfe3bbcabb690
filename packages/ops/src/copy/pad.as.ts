/** Puts a part of the middle dimension back among zeros, three runs of memory for each of the outer ones, a unit. */
import { at } from "../../../wasm/src/snippets/memory.as.ts";

export function pad(
  begin: i32, end: i32, scratch: usize,
  full: i32, part: i32, inner: i32, start: i32,
  x: usize, y: usize,
): void {
  const before: usize = (<usize>start * inner) << 2;
  const bytes: usize = (<usize>part * inner) << 2;
  const after: usize = (<usize>(full - start - part) * inner) << 2;
  for (let o = begin; o < end; o++) {
    const row = at(y, o * full * inner);
    memory.fill(row, 0, before);
    memory.copy(row + before, at(x, o * part * inner), bytes);
    memory.fill(row + before + bytes, 0, after);
  }
}
