import { defineOp, type ReferenceCall } from "@elapid/tensor";

/**
 * Declaration of the gradient of `rmsNorm`, with `s = 1 / sqrt(mean(x²) + eps)` and `g = dy · weight`:
 *
 *     dx = s · (g - x · s² · mean(g · x))      dweight = sum over rows of dy · x · s
 */
export const rmsNormBackward = defineOp({
  name: "rms-norm.backward",
  inputs: { x: "... features", weight: "features", dy: "... features" },
  outputs: { dx: "... features", dweight: "features" },
  attributes: { eps: 1e-5 },
  reference: rmsNormBackwardReference,
});

function rmsNormBackwardReference({
  dims: { rows, features },
  inputs: { x, weight, dy },
  outputs: { dx, dweight },
  attributes: { eps },
}: ReferenceCall<"rows features", "x weight dy", "dx dweight", { readonly eps: number }>): void {
  const sums = new Float64Array(features);
  for (let r = 0; r < rows; r++) {
    const row = r * features;
    let squares = 0;
    let along = 0;
    for (let f = 0; f < features; f++) {
      squares += x[row + f] * x[row + f];
      along += dy[row + f] * weight[f] * x[row + f];
    }
    const scale = 1 / Math.sqrt(squares / features + eps);
    const pull = (scale * scale * along) / features;
    for (let f = 0; f < features; f++) {
      dx[row + f] = scale * (dy[row + f] * weight[f] - x[row + f] * pull);
      sums[f] += dy[row + f] * x[row + f] * scale;
    }
  }
  dweight.set(sums);
}
