import { constant } from "./constant.as.ts";
import { at } from "./memory.as.ts";

const MAGNITUDE = memory.data<u32>([0x0fffe000]);
const SIGN = memory.data<u32>([0x80000000]);
/** Added to bits: the exponents of f32 count from 127, those of f16 from 15. */
const REBASE = memory.data<u32>([112 << 23]);
/** 2^-14, the smallest normal f16. */
const NORMAL = memory.data<f32>([0.00006103515625]);

/** Four f16 as f32, exactly. They are finite: that is checked where weights come from. */
@inline
export function halves4(from: usize): v128 {
  return widened(v128.load16x4_s(from));
}

const SIGNED = memory.data<u32>([0x8fffe000]);
/** 2^112, by which an f16 in the place of an f32 is too small. */
const FACTOR = memory.data<u32>([0x77800000]);

/** What `quickHalves4` is given, so that it stays in registers. */
@inline
export function signedBits(): v128 {
  return constant(SIGNED);
}

@inline
export function exponentFactor(): v128 {
  return constant(FACTOR);
}

/** As `halves4`, in fewer instructions, and with a wait of some 150 cycles for those of the four that are subnormal. */
@inline
export function quickHalves4(from: usize, signed: v128, factor: v128): v128 {
  return f32x4.mul(smallHalves4(from, signed), factor);
}

/** Four f16 as f32, 2^112 times too small. */
@inline
export function smallHalves4(from: usize, signed: v128): v128 {
  return v128.and(i32x4.shl(v128.load16x4_s(from), 13), signed);
}

/** As `smallHalves4`, of `count` numbers, at most three, and zeros in the other lanes. */
@inline
export function fewSmallHalves(from: usize, count: i32, signed: v128): v128 {
  return v128.and(i32x4.shl(few(from, count), 13), signed);
}

/** Four bf16 as f32, exactly. */
@inline
export function brains4(from: usize): v128 {
  return i32x4.shl(v128.load16x4_u(from), 16);
}

/** `count` numbers, at most three, and zeros in the other lanes. */
export function fewHalves(from: usize, count: i32): v128 {
  return widened(few(from, count));
}

export function fewBrains(from: usize, count: i32): v128 {
  return i32x4.shl(few(from, count), 16);
}

/**
 * f16 in the low halves of four lanes, their signs above. With its exponent rebased a normal number `t` is right, and a
 * subnormal one, which has no leading 1, is `2 t - 2^-14`: the smaller of the two in either case. A multiplication would
 * do too, but takes 150 cycles when it meets an f32 that is subnormal.
 */
@inline
function widened(bits: v128): v128 {
  const t = i32x4.add(v128.and(i32x4.shl(bits, 13), constant(MAGNITUDE)), constant(REBASE));
  const magnitude = f32x4.pmin(t, f32x4.sub(f32x4.add(t, t), constant(NORMAL)));
  return v128.or(magnitude, v128.and(bits, constant(SIGN)));
}

function few(from: usize, count: i32): v128 {
  let bits = i32x4.splat(0);
  bits = i32x4.replace_lane(bits, 0, load<i16>(from));
  if (count > 1) bits = i32x4.replace_lane(bits, 1, load<i16>(from, 2));
  if (count > 2) bits = i32x4.replace_lane(bits, 2, load<i16>(from, 4));
  return bits;
}

/** A row of `count` f16, or bf16, as f32. */
export function widenRow(from: usize, to: usize, count: i32, brain: i32): void {
  const whole = count & ~3;
  if (brain) {
    for (let i = 0; i < whole; i += 4) v128.store(at(to, i), brains4(from + ((<usize>i) << 1)));
  } else {
    for (let i = 0; i < whole; i += 4) v128.store(at(to, i), halves4(from + ((<usize>i) << 1)));
  }
  for (let i = whole; i < count; i++) {
    const bits = from + ((<usize>i) << 1);
    const value = brain ? fewBrains(bits, 1) : fewHalves(bits, 1);
    v128.store_lane<f32>(at(to, i), value, 0);
  }
}
