import { defineOp, optional, sumRows, weights, type Tensor } from "@elapid/tensor";
import { matmulReference } from "./matmul.reference.ts";
import { matmulInputGradient, matmulWeightGradient } from "./matmul.backward.ts";

/**
 * Declaration of the product with a weight matrix that is stored as checkpoints store it, one row an output.
 *
 *     y[r, o] = sum over i of x[r, i] · weight[o, i] + bias[o]
 *
 * A row of `y` has the same bits whatever other rows are computed beside it.
 */
export const matmulOp = defineOp({
  name: "matmul",
  inputs: { x: "... in", weight: weights("out in"), bias: optional("out") },
  outputs: { y: "... out" },
  reference: matmulReference,
  gradient: ({ inputs: { x, weight, bias }, grads: { y: dy }, wanted }) => ({
    x: dy && wanted.has("x") ? matmulInputGradient({ dy, weight }).dx : undefined,
    weight: dy && wanted.has("weight") ? matmulWeightGradient({ dy, x }).dweight : undefined,
    bias: dy && bias && sumRows(dy.reshape([-1, bias.size])),
  }),
  keeps: ["x", "weight"],
});

/**
 * `x · weightᵀ + bias`: `... in` times `out in` gives `... out`.
 *
 * ```ts
 * const logits = matmul(hidden, embedding); // "batch time model", "vocab model"
 * ```
 *
 * @throws TypeError if the inner sizes differ.
 */
export function matmul(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  return matmulOp({ x, weight, bias }).y;
}
