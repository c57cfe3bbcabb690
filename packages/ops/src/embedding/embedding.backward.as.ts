/**
 * Gradient of a table, by the rows that were looked up. A unit is up to 32 neighbouring features of the whole table: its
 * threads meet no other's, and each element is summed in the order of the rows, in 32 bits. Moves 12 bytes an element of
 * `dy`, and 4 an element of the table.
 */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

const FEATURES = 32;

export function embeddingBackward(
  begin: i32, end: i32, scratch: usize,
  rows: i32, vocab: i32, features: i32,
  ids: usize, dy: usize, dweight: usize,
): void {
  const first = begin * FEATURES;
  const last = min(end * FEATURES, features);
  for (let id = 0; id < vocab; id++) memory.fill(at(dweight, id * features + first), 0, (<usize>(last - first)) << 2);
  for (let r = 0; r < rows; r++) {
    const id = load<i32>(at(ids, r));
    if (id < 0 || id >= vocab) continue;
    for (let f = first; f < last; f += 4) {
      const sum = at(dweight, id * features + f);
      store4(sum, f32x4.add(load4(sum, last - f), load4(at(dy, r * features + f), last - f)), last - f);
    }
  }
}
