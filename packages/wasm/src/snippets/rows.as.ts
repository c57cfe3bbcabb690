/**
 * The rows of a tensor "outer time inner", each the steps of one outer and one inner index, four at a time. A group is up
 * to four rows whose elements of one step lie next to each other, or, where inner is 1, `time` elements apart.
 */
import { gather4, load4, scatter4, store4 } from "./memory.as.ts";

/** Number of a group's first row, counted over "outer inner". */
@inline
export function firstRow(group: i32, inner: i32): i32 {
  if (inner == 1) return 4 * group;
  const across = (inner + 3) >> 2;
  return (group / across) * inner + 4 * (group % across);
}

/** Rows from a group's first on that the group may take; four of them at most. */
@inline
export function rowsLeft(row: i32, outer: i32, inner: i32): i32 {
  return inner == 1 ? outer - row : inner - (row % inner);
}

/** Number of the first element of a row. */
@inline
export function rowStart(row: i32, time: i32, inner: i32): i32 {
  return inner == 1 ? row * time : (row / inner) * time * inner + (row % inner);
}

/** Elements from one row of a group to the next. */
@inline
export function rowsApart(time: i32, inner: i32): i32 {
  return inner == 1 ? time : 1;
}

/** One step of the rows of a group, a lane each. */
@inline
export function loadRows(from: usize, apart: i32, count: i32): v128 {
  return apart == 1 ? load4(from, count) : gather4(from, apart, count);
}

/** Stores one step of the rows of a group. */
@inline
export function storeRows(to: usize, apart: i32, values: v128, count: i32): void {
  if (apart == 1) store4(to, values, count);
  else scatter4(to, apart, values, count);
}
