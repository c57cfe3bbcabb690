import { defineOp, type ReferenceCall } from "@elapid/tensor";

/**
 * Declaration of the gradient of `layerNorm`, with `n` the normalised input, `s` its scale and `g = dy · weight`:
 *
 *     dx = s · (g - mean(g) - n · mean(g · n))      dweight = sum of dy · n      dbias = sum of dy
 */
export const layerNormBackward = defineOp({
  name: "layer-norm.backward",
  inputs: { x: "... features", weight: "features", dy: "... features" },
  outputs: { dx: "... features", dweight: "features", dbias: "features" },
  attributes: { eps: 1e-5 },
  reference: layerNormBackwardReference,
});

function layerNormBackwardReference({
  dims: { rows, features },
  inputs: { x, weight, dy },
  outputs: { dx, dweight, dbias },
  attributes: { eps },
}: ReferenceCall<"rows features", "x weight dy", "dx dweight dbias", { readonly eps: number }>): void {
  const weightSums = new Float64Array(features);
  const biasSums = new Float64Array(features);
  const normed = new Float64Array(features);
  for (let r = 0; r < rows; r++) {
    const row = r * features;
    let mean = 0;
    for (let f = 0; f < features; f++) mean += x[row + f] / features;
    let variance = 0;
    for (let f = 0; f < features; f++) variance += (x[row + f] - mean) ** 2 / features;
    const scale = 1 / Math.sqrt(variance + eps);
    let level = 0;
    let along = 0;
    for (let f = 0; f < features; f++) {
      normed[f] = (x[row + f] - mean) * scale;
      level += (dy[row + f] * weight[f]) / features;
      along += (dy[row + f] * weight[f] * normed[f]) / features;
    }
    for (let f = 0; f < features; f++) {
      dx[row + f] = scale * (dy[row + f] * weight[f] - level - normed[f] * along);
      weightSums[f] += dy[row + f] * normed[f];
      biasSums[f] += dy[row + f];
    }
  }
  dweight.set(weightSums);
  dbias.set(biasSums);
}
