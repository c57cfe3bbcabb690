/** Joins two tensors along the middle dimension, two runs of memory for each of the outer ones: a unit is such a pair. */
import { at } from "../../../wasm/src/snippets/memory.as.ts";

export function concat(
  begin: i32, end: i32, scratch: usize,
  first: i32, second: i32, inner: i32,
  a: usize, b: usize, y: usize,
): void {
  const head = first * inner;
  const tail = second * inner;
  for (let o = begin; o < end; o++) {
    const row = o * (head + tail);
    memory.copy(at(y, row), at(a, o * head), (<usize>head) << 2);
    memory.copy(at(y, row + head), at(b, o * tail), (<usize>tail) << 2);
  }
}
