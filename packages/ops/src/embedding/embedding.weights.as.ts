/** Looks rows up in a table of f16, bf16, q8 or q4: a unit is a row of the result. Every number comes out exactly. */
import { halves4, widenRow } from "../../../wasm/src/snippets/half.as.ts";
import { at, store4 } from "../../../wasm/src/snippets/memory.as.ts";

// the layout of `tensor/src/weights/blocks.ts`
const BLOCK = 32;
const GROUP = 8;
const SCALES = 16;

/** `bits` is 16 for f16, 17 for bf16, 8 and 4 for the quantised types. */
export function embeddingWeights(
  begin: i32, end: i32, scratch: usize,
  vocab: i32, features: i32, bits: i32,
  ids: usize, weight: usize, y: usize,
): void {
  for (let r = begin; r < end; r++) {
    const id = load<i32>(at(ids, r));
    const row = at(y, r * features);
    if (id < 0 || id >= vocab) {
      for (let f = 0; f < features; f++) store<f32>(at(row, f), f32.NaN);
    } else if (bits >= 16) {
      widenRow(weight + ((<usize>(id * features)) << 1), row, features, bits - 16);
    } else {
      const record: usize = SCALES + GROUP * BLOCK * bits / 8;
      const blocks = (features + BLOCK - 1) / BLOCK;
      const first = weight + (<usize>(id / GROUP * blocks)) * record;
      for (let block = 0; block < blocks; block++) {
        const left = features - block * BLOCK;
        unpackBlock(first + (<usize>block) * record, id % GROUP, bits, at(row, block * BLOCK), left);
      }
    }
  }
}

/** The first `left` numbers of a block of row `row` of its group, at most 32. */
function unpackBlock(record: usize, row: i32, bits: i32, to: usize, left: i32): void {
  const scales = halves4(record + ((<usize>(row & 4)) << 1));
  const scale = load1(scales, row & 3);
  for (let i = 0; i < min(BLOCK, left); i += 4) {
    let numbers: v128;
    if (bits == 8) {
      numbers = extended(load<i32>(at(record, i * 2 + row), SCALES));
    } else {
      const word = load<i32>(at(record, (i & 15) * 2 + row), SCALES) >> (i < 16 ? 0 : 4);
      numbers = i32x4.sub(extended(word & 0x0f0f0f0f), i32x4.splat(8));
    }
    store4(at(to, i), f32x4.mul(f32x4.convert_i32x4_s(numbers), scale), left - i);
  }
}

/** Lane `lane` in all lanes. */
@inline
function load1(values: v128, lane: i32): v128 {
  const low = lane & 1 ? v128.shuffle<i32>(values, values, 1, 1, 3, 3) : v128.shuffle<i32>(values, values, 0, 0, 2, 2);
  return lane & 2 ? v128.shuffle<i32>(low, low, 2, 2, 2, 2) : v128.shuffle<i32>(low, low, 0, 0, 0, 0);
}

/** Four signed bytes as integers. */
@inline
function extended(word: i32): v128 {
  return i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(i32x4.splat(word)));
}
