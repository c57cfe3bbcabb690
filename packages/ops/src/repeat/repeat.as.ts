/** Copies along a new middle dimension, and the sums that lead back. A unit is one of the outer dimension. */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { highHalf, joined, lowHalf } from "../../../wasm/src/snippets/double.as.ts";

/** Moves 4 bytes an element of `y`, and `x` once. */
export function repeat(begin: i32, end: i32, _scratch: usize, count: i32, inner: i32, x: usize, y: usize): void {
  for (let o = begin; o < end; o++) {
    const to = at(y, o * count * inner);
    if (inner == 1) {
      const value = f32x4.splat(load<f32>(at(x, o)));
      for (let c = 0; c < count; c += 4) store4(at(to, c), value, count - c);
    } else {
      for (let c = 0; c < count; c++) memory.copy(at(to, c * inner), at(x, o * inner), (<usize>inner) << 2);
    }
  }
}

/** Four neighbouring elements of `inner` at a time, summed in order and in 64 bits. Moves 4 bytes an element of `x`. */
export function sumAxis(begin: i32, end: i32, _scratch: usize, length: i32, inner: i32, x: usize, y: usize): void {
  for (let o = begin; o < end; o++) {
    for (let i = 0; i < inner; i += 4) {
      const count = inner - i;
      let low = f64x2.splat(0);
      let high = low;
      for (let l = 0; l < length; l++) {
        const values = load4(at(x, (o * length + l) * inner + i), count);
        low = f64x2.add(low, lowHalf(values));
        high = f64x2.add(high, highHalf(values));
      }
      store4(at(y, o * inner + i), joined(low, high), count);
    }
  }
}
