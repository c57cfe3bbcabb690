import { GROUP_ROWS, recordBytes, type WeightDType } from "@elapid/tensor";
import { wgsl, type Wgsl } from "@elapid/webgpu";

/** An f16, as the low bits of a word, exactly; it is finite. Its exponent rebased, a subnormal one is `2 t - 2^-14`. */
const half = wgsl`
fn half(bits: u32) -> f32 {
  let t = bitcast<f32>(((bits & 0x7fffu) << 13) + (112u << 23));
  let magnitude = min(t, 2.0 * t - 0.00006103515625);
  return select(magnitude, -magnitude, (bits & 0x8000u) != 0u);
}`;

const float = wgsl`
fn weightAt(row: u32, i: u32, width: u32) -> f32 { return weight[row * width + i]; }`;

const f16 = wgsl`
${half}
fn weightAt(row: u32, i: u32, width: u32) -> f32 {
  let at = row * width + i;
  return half(weight[at / 2] >> (16 * (at % 2)));
}`;

const bf16 = wgsl`
fn weightAt(row: u32, i: u32, width: u32) -> f32 {
  let at = row * width + i;
  return bitcast<f32>((weight[at / 2] >> (16 * (at % 2))) << 16);
}`;

/** Words of the scales of a record, which the words of its numbers follow. */
const SCALE_WORDS = GROUP_ROWS / 2;

const q8 = wgsl`
${half}
fn weightAt(row: u32, i: u32, width: u32) -> f32 {
  let record = ((row / ${GROUP_ROWS}) * ((width + 31) / 32) + i / 32) * ${recordBytes("q8") / 4};
  let line = row % ${GROUP_ROWS};
  let scale = half(weight[record + line / 2] >> (16 * (line % 2)));
  let word = weight[record + ${SCALE_WORDS} + ((i % 32) / 4) * ${GROUP_ROWS} + line];
  return scale * f32(bitcast<i32>(word << (24 - 8 * (i % 4))) >> 24);
}`;

const q4 = wgsl`
${half}
fn weightAt(row: u32, i: u32, width: u32) -> f32 {
  let record = ((row / ${GROUP_ROWS}) * ((width + 31) / 32) + i / 32) * ${recordBytes("q4") / 4};
  let line = row % ${GROUP_ROWS};
  let scale = half(weight[record + line / 2] >> (16 * (line % 2)));
  let word = weight[record + ${SCALE_WORDS} + ((i % 16) / 4) * ${GROUP_ROWS} + line];
  let nibble = (word >> (8 * (i % 4) + ((i % 32) / 16) * 4)) & 15;
  return scale * (f32(nibble) - 8.0);
}`;

const readers: Readonly<Record<WeightDType, Wgsl>> = { f32: float, f16, bf16, q8, q4 };

/**
 * `weightAt(row, i, width)`: element `i` of row `row` of the part of `weight` that is bound, rows of `width` elements.
 * Layouts are those of `tensor/src/weights`; every number comes out exactly.
 */
export function weightAt(dtype: WeightDType): Wgsl {
  return readers[dtype];
}
