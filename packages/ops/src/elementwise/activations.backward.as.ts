/**
 * Gradients of the activations, four elements at a time. A unit is an element; ranges begin at multiples of four. They
 * move 12 bytes an element and compute an exponential.
 */
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { bell, cdf, density } from "./normal.as.ts";

export function siluBackward(begin: i32, end: i32, scratch: usize, x: usize, dy: usize, dx: usize): void {
  for (let i = begin; i < end; i += 4) {
    const value = load4(at(x, i), end - i);
    const s = sigmoid(value);
    // s · (1 + x · (1 - s))
    const slope = f32x4.mul(s, madd(value, f32x4.sub(f32x4.splat(1), s), f32x4.splat(1)));
    store4(at(dx, i), f32x4.mul(load4(at(dy, i), end - i), slope), end - i);
  }
}

export function softplusBackward(begin: i32, end: i32, scratch: usize, x: usize, dy: usize, dx: usize): void {
  for (let i = begin; i < end; i += 4) {
    const slope = sigmoid(load4(at(x, i), end - i));
    store4(at(dx, i), f32x4.mul(load4(at(dy, i), end - i), slope), end - i);
  }
}

export function sigmoidBackward(begin: i32, end: i32, scratch: usize, x: usize, dy: usize, dx: usize): void {
  for (let i = begin; i < end; i += 4) {
    const value = load4(at(x, i), end - i);
    const slope = f32x4.mul(sigmoid(value), sigmoid(f32x4.neg(value))); // 1 - sigmoid(x) would cancel
    store4(at(dx, i), f32x4.mul(load4(at(dy, i), end - i), slope), end - i);
  }
}

export function geluBackward(begin: i32, end: i32, scratch: usize, x: usize, dy: usize, dx: usize): void {
  for (let i = begin; i < end; i += 4) {
    const value = load4(at(x, i), end - i);
    const height = bell(value);
    const slope = madd(value, density(height), cdf(value, height));
    store4(at(dx, i), f32x4.mul(load4(at(dy, i), end - i), slope), end - i);
  }
}
