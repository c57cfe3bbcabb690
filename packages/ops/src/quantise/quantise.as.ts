import { constant } from "../../../wasm/src/snippets/constant.as.ts";
import { fewHalves } from "../../../wasm/src/snippets/half.as.ts";
import { at, load4 } from "../../../wasm/src/snippets/memory.as.ts";

// the layout of `tensor/src/weights/blocks.ts`, and the search for scales of `quantise.ts` beside it
const BLOCK = 32;
const GROUP = 8;
const SCALES = 16;
const STEPS = memory.data<f32>([0, -0.9, 0.9, -0.45, 0.45]);
const CANDIDATES = 5;
const ROUND_Q4 = memory.data<f32>([8.5]);
const ROUND_Q8 = memory.data<f32>([128.5]);

/**
 * Weights `out in` as blocks of q8 or q4, as `bits` says. A unit is a group of eight rows; its block is copied to
 * scratch, 128 bytes, padded with zeros. Reads 4 bytes a weight once; five scales are tried for a block of q4.
 * A block with a number that is not finite gets a scale that is not.
 */
export function quantise(
  begin: i32, end: i32, scratch: usize,
  weight: usize, words: usize, out: i32, inner: i32, bits: i32,
): void {
  const blocks = (inner + BLOCK - 1) / BLOCK;
  const size: usize = SCALES + GROUP * BLOCK * bits / 8;
  for (let group = begin; group < end; group++) {
    for (let block = 0; block < blocks; block++) {
      const record = words + (<usize>(group * blocks + block)) * size;
      memory.fill(record, 0, size);
      for (let line = 0; line < min(GROUP, out - group * GROUP); line++) {
        const left = inner - block * BLOCK;
        const from = at(weight, (group * GROUP + line) * inner + block * BLOCK);
        for (let i = 0; i < BLOCK; i += 4) {
          v128.store(at(scratch, i), left > i ? load4(at(from, i), left - i) : f32x4.splat(0));
        }
        if (bits == 8) encodeQ8(scratch, record, line);
        else encodeQ4(scratch, record, line);
      }
    }
  }
}

function encodeQ8(x: usize, record: usize, line: i32): void {
  const inverse = writeScale(record, line, abs(peakOf(x)) / 127);
  const to = at(record + SCALES, line);
  for (let half: usize = 0; half < 2; half++) {
    const from = x + (half << 6);
    const a = stepsQ8(v128.load(from), inverse);
    const b = stepsQ8(v128.load(from, 16), inverse);
    const c = stepsQ8(v128.load(from, 32), inverse);
    const d = stepsQ8(v128.load(from, 48), inverse);
    storeWords(to + (half << 7), i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
  }
}

@inline
function stepsQ8(x: v128, inverse: v128): v128 {
  const above = i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.mul(x, inverse), constant(ROUND_Q8)));
  return i32x4.sub(i32x4.max_s(i32x4.min_s(above, i32x4.splat(255)), i32x4.splat(1)), i32x4.splat(128));
}

function encodeQ4(x: usize, record: usize, line: i32): void {
  const peak = peakOf(x);
  // a peak that is not finite stays that
  const inverse = writeScale(record, line, peak - peak == 0 && peak != 0 ? bestScale(x, peak) : peak);
  const low = bytesQ4(x, inverse);
  const high = bytesQ4(x + 64, inverse);
  storeWords(at(record + SCALES, line), v128.or(low, i8x16.shl(high, 4)));
}

@inline
function bytesQ4(x: usize, inverse: v128): v128 {
  const a = stepsQ4(v128.load(x), inverse);
  const b = stepsQ4(v128.load(x, 16), inverse);
  const c = stepsQ4(v128.load(x, 32), inverse);
  const d = stepsQ4(v128.load(x, 48), inverse);
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

@inline
function stepsQ4(x: v128, inverse: v128): v128 {
  const above = i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.mul(x, inverse), constant(ROUND_Q4)));
  return i32x4.max_s(i32x4.min_s(above, i32x4.splat(15)), i32x4.splat(0));
}

/** The scale that leaves the least squared error, of those that are tried. */
function bestScale(x: usize, peak: f32): f32 {
  let most: f32 = -1;
  let best: f32 = 0;
  for (let step = 0; step < CANDIDATES; step++) {
    const inverse = f32x4.splat((-8 - load<f32>(at(STEPS, step))) / peak);
    let xq = f32x4.splat(0);
    let qq = xq;
    for (let i: usize = 0; i < 128; i += 16) {
      const values = v128.load(x + i);
      const q = f32x4.convert_i32x4_s(i32x4.sub(stepsQ4(values, inverse), i32x4.splat(8)));
      xq = f32x4.add(xq, f32x4.mul(values, q));
      qq = f32x4.add(qq, f32x4.mul(q, q));
    }
    const sum = sumOf(xq);
    const squares = sumOf(qq);
    const gain = sum * (sum / squares);
    if (gain > most) {
      most = gain;
      best = sum / squares;
    }
  }
  return best;
}

@inline
function sumOf(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3)
  );
}

/** The value of the largest magnitude; NaN if there is one. */
function peakOf(x: usize): f32 {
  let high = f32x4.splat(0);
  let low = high;
  for (let i: usize = 0; i < 128; i += 16) {
    high = f32x4.max(high, v128.load(x + i));
    low = f32x4.min(low, v128.load(x + i));
  }
  const top = max(max(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)), max(f32x4.extract_lane(high, 2), f32x4.extract_lane(high, 3)));
  const bottom = min(min(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1)), min(f32x4.extract_lane(low, 2), f32x4.extract_lane(low, 3)));
  return top < -bottom ? bottom : top;
}

/** Writes a scale and gives its reciprocal, zero for zero. */
function writeScale(record: usize, line: i32, value: f32): v128 {
  const scale = record + ((<usize>line) << 1);
  store<u16>(scale, halfOfFloat(reinterpret<u32>(value)));
  const d = f32x4.extract_lane(fewHalves(scale, 1), 0);
  return f32x4.splat(d == 0 ? 0 : 1 / d);
}

/** As its namesake in `tensor/src/weights/half.ts`. */
function halfOfFloat(bits: u32): u32 {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rebased = magnitude - ((127 - 15) << 23);
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  const shift = 126 - (magnitude >>> 23);
  if (shift > 24) return sign;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  return sign | ((mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift);
}

/** Four words, to every eighth place. */
@inline
function storeWords(to: usize, words: v128): void {
  v128.store32_lane(to, words, 0);
  v128.store32_lane(to, words, 1, 32);
  v128.store32_lane(to, words, 2, 64);
  v128.store32_lane(to, words, 3, 96);
}
