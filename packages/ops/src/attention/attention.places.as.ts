import { at } from "../../../wasm/src/snippets/memory.as.ts";

/** A unit is a row of the batch, walked step by step. Moves 12 bytes a key and 16 a step. */
export function attentionPlaces(
  begin: i32, end: i32, _scratch: usize,
  held: i32, time: i32,
  seen: usize, mask: usize, seqIdx: usize, position: usize, first: usize, visible: usize, next: usize,
): void {
  const cached = held - 2;
  const keys = cached + time;
  for (let b = begin; b < end; b++) {
    const book = at(seen, b * held);
    const after = at(next, b * (held + time));
    const sight = at(visible, b * keys);
    let count = <i32>load<f32>(book);
    let start = <i32>load<f32>(book, 4);
    let isFirst = true;
    let sequence = 0;
    for (let j = 0; j < cached; j++) {
      const isThere = load<f32>(at(book, 2 + j));
      store<f32>(at(after, 2 + j), isThere);
      store<i32>(at(sight, j), <i32>isThere);
    }
    for (let t = 0; t < time; t++) {
      const i = b * time + t;
      const isThere = mask == 0 || load<i32>(at(mask, i)) != 0;
      if (isThere && seqIdx != 0) {
        const number = load<i32>(at(seqIdx, i));
        if (!isFirst && number != sequence) {
          count = 0;
          start = cached + t;
        }
        isFirst = false;
        sequence = number;
      }
      store<i32>(at(position, i), count);
      store<i32>(at(first, i), start);
      store<f32>(at(after, held + t), <f32>i32(isThere));
      store<i32>(at(sight, cached + t), i32(isThere));
      count += i32(isThere);
    }
    store<f32>(after, <f32>count);
    store<f32>(after, <f32>start, 4);
  }
}
