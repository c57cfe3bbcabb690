import { defineOp, optional, optionalInts } from "@elapid/tensor";
import { mamba3BackwardReference } from "./mamba3.backward.reference.ts";

/**
 * Gradient of `mamba3`, by every float input. With `do_r` the gradient by the output of a rank before it is normalised, `g` that
 * by the state, a matrix "headDim state", and `v` and `w` the weights of the last token and of this one in the trapezoid:
 *
 *     g[t]    = sum over r of do_r[t] ⊗ c_r[t] + a[t+1] · g[t+1]                      g[after the last] = dfinalState
 *     db_r[t] = w[t] · g[t]ᵀ · x_r[t] + v[t+1] · g[t+1]ᵀ · x_r[t]                     after the last: dfinalB
 *     dx_r[t] = w[t] · g[t] · b_r[t] + v[t+1] · g[t+1] · b_r[t] + D · do_r[t]         after the last: dfinalX
 *
 * The gradient by theta sums what the rotations of this and all later steps give it. The README derives the rest. Gradients of
 * inputs that were not given are to be ignored. Padded steps hand everything on as it is.
 */
export const mamba3Backward = defineOp({
  name: "mamba3.backward",
  inputs: {
    x: "batch time heads headDim",
    B: "batch time rank groups state",
    C: "batch time rank groups state",
    logDecay: "batch time heads",
    delta: "batch time heads",
    trap: "batch time heads",
    angles: "batch time heads pairs",
    BBias: optional("heads rank state"),
    CBias: optional("heads rank state"),
    D: optional("heads"),
    z: optional("batch time heads headDim"),
    xProjection: optional("heads rank headDim"),
    zProjection: optional("heads rank headDim"),
    yProjection: optional("heads rank headDim"),
    normWeight: optional("heads headDim"),
    initialState: optional("batch heads headDim state"),
    initialB: optional("batch heads rank state"),
    initialX: optional("batch heads rank headDim"),
    initialAngle: optional("batch heads pairs"),
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
    dy: optional("batch time heads headDim"),
    dfinalState: optional("batch heads headDim state"),
    dfinalB: optional("batch heads rank state"),
    dfinalX: optional("batch heads rank headDim"),
    dfinalAngle: optional("batch heads pairs"),
  },
  outputs: {
    dx: "batch time heads headDim",
    dB: "batch time rank groups state",
    dC: "batch time rank groups state",
    dlogDecay: "batch time heads",
    ddelta: "batch time heads",
    dtrap: "batch time heads",
    dangles: "batch time heads pairs",
    dBBias: "heads rank state",
    dCBias: "heads rank state",
    dD: "heads",
    dz: "batch time heads headDim",
    dxProjection: "heads rank headDim",
    dzProjection: "heads rank headDim",
    dyProjection: "heads rank headDim",
    dnormWeight: "heads headDim",
    dinitialState: "batch heads headDim state",
    dinitialB: "batch heads rank state",
    dinitialX: "batch heads rank headDim",
    dinitialAngle: "batch heads pairs",
  },
  attributes: { rotation: "pairwise", wrapAngles: true, trapSigmoid: true, normEps: 1e-5 },
  reference: mamba3BackwardReference,
});
