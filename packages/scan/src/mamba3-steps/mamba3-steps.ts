import { defineOp } from "@elapid/tensor";
import { mamba3StepsBackward } from "./mamba3-steps.backward.ts";
import { mamba3StepsReference } from "./mamba3-steps.reference.ts";

/**
 * What the projection of a Mamba-3 mixer says of each step, as `mamba3` takes it (`Mamba3.forward` of state-spaces/mamba):
 *
 *     delta      = softplus(rawDelta + deltaBias)
 *     logDecay   = -max(h(rawA), floor) · delta          h(x) = 1 + x where x ≥ 0, 1 / (1 - x) where it is not
 *     headAngles = angles, for each head
 *
 * `h` is positive, and 1 with slope 1 at 0; `floor`, "A_floor" officially, keeps every head forgetting.
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension.
 */
export const mamba3Steps = defineOp({
  name: "mamba3-steps",
  inputs: {
    rawDelta: "batch time heads",
    rawA: "batch time heads",
    deltaBias: "heads",
    angles: "batch time pairs",
  },
  outputs: {
    delta: "batch time heads",
    logDecay: "batch time heads",
    headAngles: "batch time heads pairs",
  },
  attributes: { floor: 1e-4 },
  reference: mamba3StepsReference,
  gradient: ({ inputs, grads, attributes }) => {
    const { delta: ddelta, logDecay: dlogDecay, headAngles: dheadAngles } = grads;
    const back = mamba3StepsBackward({ ...inputs, ddelta, dlogDecay, dheadAngles }, attributes);
    return { rawDelta: back.drawDelta, rawA: back.drawA, deltaBias: back.ddeltaBias, angles: back.dangles };
  },
});
