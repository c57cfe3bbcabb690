import { defineOp, weights, type ReferenceCall } from "@elapid/tensor";

/**
 * Declaration of the gradient of `matmul` by `x`: `dx[r, i] = sum over o of dy[r, o] · weight[o, i]`, a
 * product with the weight as it is stored, not transposed.
 */
export const matmulInputGradient = defineOp({
  name: "matmul.input-gradient",
  inputs: { dy: "... out", weight: weights("out in") },
  outputs: { dx: "... in" },
  reference: inputGradientReference,
});

/** Declaration of the gradient of `matmul` by `weight`: `dweight[o, i] = sum over r of dy[r, o] · x[r, i]`. */
export const matmulWeightGradient = defineOp({
  name: "matmul.weight-gradient",
  inputs: { dy: "... out", x: "... in" },
  outputs: { dweight: "out in" },
  reference: weightGradientReference,
});

function inputGradientReference({
  dims: { rows, in: inner, out },
  inputs: { dy, weight },
  outputs: { dx },
}: ReferenceCall<"rows in out", "dy weight", "dx">): void {
  const sums = new Float64Array(inner);
  for (let r = 0; r < rows; r++) {
    sums.fill(0);
    for (let o = 0; o < out; o++) {
      for (let i = 0; i < inner; i++) sums[i] += dy[r * out + o] * weight[o * inner + i];
    }
    dx.set(sums, r * inner);
  }
}

function weightGradientReference({
  dims: { rows, in: inner, out },
  inputs: { dy, x },
  outputs: { dweight },
}: ReferenceCall<"rows in out", "dy x", "dweight">): void {
  const sums = new Float64Array(inner);
  for (let o = 0; o < out; o++) {
    sums.fill(0);
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < inner; i++) sums[i] += dy[r * out + o] * x[r * inner + i];
    }
    dweight.set(sums, o * inner);
  }
}
