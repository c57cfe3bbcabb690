import { defineOp, optional } from "@elapid/tensor";
import { mamba3StepsBackwardReference } from "./mamba3-steps.reference.ts";

/**
 * Gradient of `mamba3Steps`, with `A = -max(h(rawA), floor)`:
 *
 *     drawDelta = (ddelta + dlogDecay · A) · sigmoid(rawDelta + deltaBias)         ddeltaBias: its sum over batch and time
 *     drawA     = -dlogDecay · delta · h'(rawA)                                    0 below the floor
 *     dangles   = sum over heads of dheadAngles
 *
 * with `h'(x) = 1` where `x ≥ 0`, and `h(x)²` where it is not.
 */
export const mamba3StepsBackward = defineOp({
  name: "mamba3-steps.backward",
  inputs: {
    rawDelta: "batch time heads",
    rawA: "batch time heads",
    deltaBias: "heads",
    angles: "batch time pairs",
    ddelta: optional("batch time heads"),
    dlogDecay: optional("batch time heads"),
    dheadAngles: optional("batch time heads pairs"),
  },
  outputs: {
    drawDelta: "batch time heads",
    drawA: "batch time heads",
    ddeltaBias: "heads",
    dangles: "batch time pairs",
  },
  attributes: { floor: 1e-4 },
  reference: mamba3StepsBackwardReference,
});
