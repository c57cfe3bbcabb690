import { defineOp, optional, type Tensor } from "@elapid/tensor";
import { layerNormReference } from "./layer-norm.reference.ts";

/** Declaration of layer normalisation (Ba et al. 2016): `y = (x - mean) / sqrt(variance + eps) · weight + bias`. */
export const layerNormOp = defineOp({
  name: "layer-norm",
  inputs: { x: "... features", weight: "features", bias: optional("features") },
  outputs: { y: "... features" },
  attributes: { eps: 1e-5 },
  reference: layerNormReference,
});

/** `(x - mean) / sqrt(variance + eps) · weight + bias` over the last dimension; the variance is the biased one. */
export function layerNorm(x: Tensor, weight: Tensor, bias?: Tensor, eps = 1e-5): Tensor {
  return layerNormOp({ x, weight, bias }, { eps }).y;
}
