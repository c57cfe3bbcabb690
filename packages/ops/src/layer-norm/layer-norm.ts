import { defineOp, optional, type Tensor } from "@elapid/tensor";
import { layerNormReference } from "./layer-norm.reference.ts";
import { layerNormBackward } from "./layer-norm.backward.ts";

/** Declaration of layer normalisation (Ba et al. 2016): `y = (x - mean) / sqrt(variance + eps) · weight + bias`. */
export const layerNormOp = defineOp({
  name: "layer-norm",
  inputs: { x: "... features", weight: "features", bias: optional("features") },
  outputs: { y: "... features" },
  attributes: { eps: 1e-5 },
  reference: layerNormReference,
  gradient: ({ inputs: { x, weight, bias }, grads: { y: dy }, attributes }) => {
    const back = dy && layerNormBackward({ x, weight, dy }, attributes);
    return { x: back?.dx, weight: back?.dweight, bias: bias && back?.dbias };
  },
  keeps: ["x", "weight"],
});

/** `(x - mean) / sqrt(variance + eps) · weight + bias` over the last dimension; the variance is the biased one. */
export function layerNorm(x: Tensor, weight: Tensor, bias?: Tensor, eps = 1e-5): Tensor {
  return layerNormOp({ x, weight, bias }, { eps }).y;
}
