/**
 * Functions of one tensor, four elements at a time. A unit is an element; ranges begin at multiples of four.
 * They move 8 bytes an element; all but `neg` also compute an exponential.
 */
import { exp } from "../../../wasm/src/snippets/exp.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid, silu } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { softplus } from "../../../wasm/src/snippets/softplus.as.ts";
import { bell, cdf } from "./normal.as.ts";

export function unaryExp(begin: i32, end: i32, scratch: usize, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) store4(at(y, i), exp(load4(at(x, i), end - i)), end - i);
}

export function unaryNeg(begin: i32, end: i32, scratch: usize, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) store4(at(y, i), f32x4.neg(load4(at(x, i), end - i)), end - i);
}

export function unarySilu(begin: i32, end: i32, scratch: usize, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) store4(at(y, i), silu(load4(at(x, i), end - i)), end - i);
}

export function unarySoftplus(begin: i32, end: i32, scratch: usize, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) store4(at(y, i), softplus(load4(at(x, i), end - i)), end - i);
}

export function unarySigmoid(begin: i32, end: i32, scratch: usize, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) store4(at(y, i), sigmoid(load4(at(x, i), end - i)), end - i);
}

export function unaryGelu(begin: i32, end: i32, scratch: usize, x: usize, y: usize): void {
  for (let i = begin; i < end; i += 4) {
    const value = load4(at(x, i), end - i);
    store4(at(y, i), f32x4.mul(value, cdf(value, bell(value))), end - i);
  }
}
