import { defineOp } from "../op.ts";
import { formatShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { slice } from "./slice.ts";

/** Declaration of the joining of two tensors along the middle dimension. */
export const concatOp = defineOp({
  name: "concat",
  inputs: { a: "outer first inner", b: "outer second inner" },
  outputs: { y: "outer both inner" },
  derive: ({ first, second }) => ({ both: first + second }),
  reference: ({ dims: { outer, first, second, both, inner }, inputs: { a, b }, outputs: { y } }) => {
    for (let o = 0; o < outer; o++) {
      y.set(a.subarray(o * first * inner, (o + 1) * first * inner), o * both * inner);
      y.set(b.subarray(o * second * inner, (o + 1) * second * inner), (o * both + first) * inner);
    }
  },
  gradient: ({ inputs: { a, b }, grads: { y: dy } }) => ({
    a: dy && slice(dy, 0, a.shape[1]),
    b: dy && slice(dy, a.shape[1], b.shape[1]),
  }),
});

/**
 * Joins tensors along `axis`; the other dimensions must agree.
 *
 * @throws TypeError if none are given or a shape does not fit.
 */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const [head, ...rest] = tensors;
  if (head === undefined) throw new TypeError("Cannot concat: at least one tensor was needed");
  using scope = head.device.scope();
  let joined = head.share();
  for (const next of rest) {
    if (
      next.shape.length !== joined.shape.length ||
      next.shape.some((length, i) => i !== axis && length !== joined.shape[i])
    ) {
      throw new TypeError(
        `Cannot concat: ${formatShape(next.shape)} does not fit ${formatShape(joined.shape)} along axis ${axis}`,
      );
    }
    const outer = sizeOf(joined.shape.slice(0, axis));
    const inner = sizeOf(joined.shape.slice(axis + 1));
    const a = joined.reshape([outer, joined.shape[axis], inner]);
    const b = next.reshape([outer, next.shape[axis], inner]);
    joined = concatOp({ a, b }).y.reshape(joined.shape.with(axis, joined.shape[axis] + next.shape[axis]));
  }
  return scope.keep(joined);
}
