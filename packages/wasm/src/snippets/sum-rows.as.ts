import { highHalf, lowHalf, sumLanes } from "./double.as.ts";
import { at, load4 } from "./memory.as.ts";

/** Columns of a unit. */
const COLUMNS = 64;

/**
 * `y[i] = sum over rows of x[row, i]`, row by row. A unit is up to 64 neighbouring columns; their sums stand in scratch
 * in 64 bits, 512 bytes. A single column is summed in four lanes. Moves 4 bytes an element of `x`.
 */
export function sumRows(begin: i32, end: i32, scratch: usize, rows: i32, size: i32, x: usize, y: usize): void {
  if (size == 1) {
    if (begin < end) store<f32>(y, <f32>sumOf(x, rows));
    return;
  }
  for (let unit = begin; unit < end; unit++) {
    const first = unit * COLUMNS;
    const columns = min(COLUMNS, size - first);
    memory.fill(scratch, 0, COLUMNS << 3);
    for (let r = 0; r < rows; r++) {
      const row = at(x, r * size + first);
      for (let i = 0; i < columns; i += 4) {
        const values = load4(at(row, i), columns - i);
        const sums = scratch + ((<usize>i) << 3);
        v128.store(sums, f64x2.add(v128.load(sums), lowHalf(values)));
        v128.store(sums, f64x2.add(v128.load(sums, 16), highHalf(values)), 16);
      }
    }
    for (let i = 0; i < columns; i++) store<f32>(at(y, first + i), <f32>load<f64>(scratch + ((<usize>i) << 3)));
  }
}

function sumOf(x: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = low;
  for (let i = 0; i < count; i += 4) {
    const values = load4(at(x, i), count - i);
    low = f64x2.add(low, lowHalf(values));
    high = f64x2.add(high, highHalf(values));
  }
  return sumLanes(f64x2.add(low, high));
}
