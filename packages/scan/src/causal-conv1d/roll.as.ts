/** Turns rings: a unit is a channel of a sequence, copied in two runs. Moves 8 bytes an element. */
import { at } from "../../../wasm/src/snippets/memory.as.ts";

export function roll(
  begin: i32, end: i32, scratch: usize,
  inner: i32, window: i32,
  x: usize, shift: usize, y: usize,
  offset: i32, sign: i32,
): void {
  for (let unit = begin; unit < end; unit++) {
    let by = (sign * (load<i32>(at(shift, unit / inner)) + offset)) % window;
    if (by < 0) by += window;
    const first = unit * window;
    memory.copy(at(y, first), at(x, first + by), (<usize>(window - by)) << 2);
    memory.copy(at(y, first + window - by), at(x, first), (<usize>by) << 2);
  }
}
