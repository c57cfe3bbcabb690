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
  keeps: [],
});

/**
 * Joins tensors along `axis`; the other dimensions must agree. Many are joined in pairs, then in pairs of pairs: each number is
 * copied as often as the tensors' count can be halved.
 *
 * @throws TypeError if none are given or a shape does not fit.
 */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const [head, ...rest] = tensors;
  if (head === undefined) throw new TypeError("Cannot concat: at least one tensor was needed");
  for (const { shape } of rest) {
    if (shape.length !== head.shape.length || shape.some((length, i) => i !== axis && length !== head.shape[i])) {
      throw new TypeError(
        `Cannot concat: ${formatShape(shape)} does not fit ${formatShape(head.shape)} along axis ${axis}`,
      );
    }
  }
  using scope = head.device.scope();
  let pieces = tensors.map((tensor) => tensor.share());
  while (pieces.length > 1) {
    const joined: Tensor[] = [];
    for (let i = 0; i < pieces.length; i += 2) {
      const [first, second] = pieces.slice(i, i + 2);
      joined.push(second === undefined ? first : join(first, second, axis));
    }
    pieces = joined;
  }
  return scope.keep(pieces[0]);
}

/** Joins two tensors that fit, and disposes of them. */
function join(first: Tensor, second: Tensor, axis: number): Tensor {
  const { shape } = first;
  const length = shape[axis] + second.shape[axis];
  const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const a = first.reshape([outer, shape[axis], inner]);
  const b = second.reshape([outer, second.shape[axis], inner]);
  const { y } = concatOp({ a, b });
  const joined = y.reshape(shape.with(axis, length));
  for (const tensor of [first, second, a, b, y]) tensor.dispose();
  return joined;
}
