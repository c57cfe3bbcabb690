import type { ReferenceCall } from "@elapid/tensor";

/** Attributes of both norms. */
type Eps = { readonly eps: number };

export function rmsNormReference({
  dims: { rows, features },
  inputs: { x, weight },
  outputs: { y },
  attributes: { eps },
}: ReferenceCall<"rows features", "x weight", "y", Eps>): void {
  for (let r = 0; r < rows; r++) {
    const row = r * features;
    let squares = 0;
    for (let f = 0; f < features; f++) squares += x[row + f] * x[row + f];
    const scale = 1 / Math.sqrt(squares / features + eps);
    for (let f = 0; f < features; f++) y[row + f] = x[row + f] * scale * weight[f];
  }
}

export function addRmsNormReference({
  dims,
  inputs: { x, residual, weight },
  outputs: { y, sum },
  attributes,
}: ReferenceCall<"rows features", "x residual weight", "y sum", Eps>): void {
  for (let i = 0; i < sum.length; i++) sum[i] = x[i] + residual[i];
  rmsNormReference({ dims, inputs: { x: sum, weight }, outputs: { y }, attributes });
}
