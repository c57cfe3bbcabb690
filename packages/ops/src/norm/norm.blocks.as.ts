/**
 * Euclidean length, in two passes. A unit of the first is a block of 4096 elements, wherever threads are cut: its sum of
 * squares, in 64 bits, goes to `partial`. The second, one unit, adds the sums in order. Reads 4 bytes an element.
 */
import { highHalf, lowHalf, sumLanes } from "../../../wasm/src/snippets/double.as.ts";
import { at, load4 } from "../../../wasm/src/snippets/memory.as.ts";

const BLOCK = 4096;

export function normBlocks(begin: i32, end: i32, scratch: usize, rows: i32, x: usize, partial: usize): void {
  for (let block = begin; block < end; block++) {
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    const last = min(rows, (block + 1) * BLOCK);
    for (let i = block * BLOCK; i < last; i += 4) {
      const values = load4(at(x, i), last - i);
      low = f64x2.add(low, f64x2.mul(lowHalf(values), lowHalf(values)));
      high = f64x2.add(high, f64x2.mul(highHalf(values), highHalf(values)));
    }
    store<f64>(partial + ((<usize>block) << 3), sumLanes(f64x2.add(low, high)));
  }
}

export function normRoot(begin: i32, end: i32, scratch: usize, blocks: i32, partial: usize, y: usize): void {
  let sum: f64 = 0;
  for (let block = 0; block < blocks; block++) sum += load<f64>(partial + ((<usize>block) << 3));
  store<f32>(y, <f32>Math.sqrt(sum));
}
