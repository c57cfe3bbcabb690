import { defineOp, type Tensor } from "@elapid/tensor";
import { addRmsNormReference, rmsNormReference } from "./rms-norm.reference.ts";
import { rmsNormBackward } from "./rms-norm.backward.ts";

/** Declaration of root-mean-square normalisation (Zhang & Sennrich 2019): `y = x / sqrt(mean(x²) + eps) · weight`. */
export const rmsNormOp = defineOp({
  name: "rms-norm",
  inputs: { x: "... features", weight: "features" },
  outputs: { y: "... features" },
  attributes: { eps: 1e-5 },
  reference: rmsNormReference,
  gradient: ({ inputs: { x, weight }, grads: { y: dy }, attributes }) => {
    const back = dy && rmsNormBackward({ x, weight, dy }, attributes);
    return { x: back?.dx, weight: back?.dweight };
  },
  keeps: ["x", "weight"],
});

/** Declaration of a residual sum and its normalisation in one step: `sum = x + residual`, `y = rmsNorm(sum)`. */
export const addRmsNormOp = defineOp({
  name: "add-rms-norm",
  inputs: { x: "... features", residual: "... features", weight: "features" },
  outputs: { y: "... features", sum: "... features" },
  attributes: { eps: 1e-5 },
  reference: addRmsNormReference,
  gradient: ({ inputs: { weight }, outputs: { sum }, grads: { y: dy, sum: dsum }, attributes }) => {
    const back = dy && rmsNormBackward({ x: sum, weight, dy }, attributes);
    const both = back && dsum ? back.dx.add(dsum) : (back?.dx ?? dsum);
    return { x: both, residual: both, weight: back?.dweight };
  },
  keeps: ["weight", "sum"],
});

/** `x / sqrt(mean(x²) + eps) · weight` over the last dimension. */
export function rmsNorm(x: Tensor, weight: Tensor, eps = 1e-5): Tensor {
  return rmsNormOp({ x, weight }, { eps }).y;
}

/** `sum = x + residual` and its `rmsNorm`, as `fused_add_norm` of state-spaces/mamba. */
export function addRmsNorm(x: Tensor, residual: Tensor, weight: Tensor, eps = 1e-5): { y: Tensor; sum: Tensor } {
  return addRmsNormOp({ x, residual, weight }, { eps });
}
