import { constant } from "./constant.as.ts";
import { at } from "./memory.as.ts";

const MAGNITUDE = memory.data<u32>([0x8fffffff]);
/** 2^112: the exponents of f32 count from 127, those of f16 from 15. */
const REBASE = memory.data<u32>([0x77800000]);

/** Four f16 as f32, exactly. They are finite: that is checked where weights come from. */
@inline
export function halves4(from: usize): v128 {
  return widened(v128.load16x4_s(from));
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

/** f16 in the low halves of four lanes, their signs above. */
@inline
function widened(bits: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shl(bits, 13), constant(MAGNITUDE)), constant(REBASE));
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
