import type { ReferenceCall } from "@elapid/tensor";

/** Two passes: the variance is the mean of the squared distances from the mean, so nothing cancels. */
export function layerNormReference({
  dims: { rows, features },
  inputs: { x, weight, bias },
  outputs: { y },
  attributes: { eps },
}: ReferenceCall<"rows features", "x weight bias?", "y", { readonly eps: number }>): void {
  for (let r = 0; r < rows; r++) {
    const row = r * features;
    let mean = 0;
    for (let f = 0; f < features; f++) mean += x[row + f] / features;
    let variance = 0;
    for (let f = 0; f < features; f++) variance += (x[row + f] - mean) ** 2 / features;
    const scale = 1 / Math.sqrt(variance + eps);
    for (let f = 0; f < features; f++) {
      y[row + f] = (x[row + f] - mean) * scale * weight[f] + (bias === undefined ? 0 : bias[f]);
    }
  }
}
