/** Looks rows up, one copy of memory each: a unit is a row of the result. Moves 8 bytes an element. */
import { at } from "../../../wasm/src/snippets/memory.as.ts";

export function embedding(
  begin: i32, end: i32, scratch: usize,
  vocab: i32, features: i32,
  ids: usize, weight: usize, y: usize,
): void {
  for (let r = begin; r < end; r++) {
    const id = load<i32>(at(ids, r));
    const row = at(y, r * features);
    if (id >= 0 && id < vocab) {
      memory.copy(row, at(weight, id * features), (<usize>features) << 2);
    } else {
      for (let f = 0; f < features; f++) store<f32>(at(row, f), f32.NaN);
    }
  }
}
