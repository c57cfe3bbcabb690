/**
 * Functions of two tensors, `b` repeated for every row of `a`, four elements at a time and never across the end of a
 * row. A unit is an element of `a`. They move 12 bytes an element, or 8 where `b` stays in the cache.
 */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

export function binaryAdd(begin: i32, end: i32, scratch: usize, size: i32, a: usize, b: usize, y: usize): void {
  let j = begin % size;
  for (let i = begin; i < end; ) {
    const count = min(4, min(size - j, end - i));
    store4(at(y, i), f32x4.add(load4(at(a, i), count), load4(at(b, j), count)), count);
    i += count;
    j += count;
    if (j == size) j = 0;
  }
}

export function binaryMul(begin: i32, end: i32, scratch: usize, size: i32, a: usize, b: usize, y: usize): void {
  let j = begin % size;
  for (let i = begin; i < end; ) {
    const count = min(4, min(size - j, end - i));
    store4(at(y, i), f32x4.mul(load4(at(a, i), count), load4(at(b, j), count)), count);
    i += count;
    j += count;
    if (j == size) j = 0;
  }
}
