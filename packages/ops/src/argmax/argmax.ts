import { defineOp, ints, type Tensor } from "@elapid/tensor";
import { argmaxReference } from "./argmax.reference.ts";

/**
 * Declaration of the place of the first of the largest numbers of a row. A row that has none says why: `-1 - i` is for a NaN,
 * the first of which is at `i`, and `-1 - features` for numbers of which none is above -Infinity.
 */
export const argmaxOp = defineOp({
  name: "argmax",
  inputs: { x: "... features" },
  outputs: { index: ints("...") },
  reference: argmaxReference,
});

/** Places `...` of the largest numbers of rows `... features`, as 32-bit integers: the likeliest token of a row of logits. */
export function argmax(x: Tensor): Tensor {
  return argmaxOp({ x }).index;
}
