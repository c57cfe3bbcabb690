import { defineOp, optional, optionalInts } from "@elapid/tensor";
import { mamba3Backward } from "./mamba3.backward.ts";
import { mamba3Reference } from "./mamba3.reference.ts";

/**
 * The recurrence of Mamba-3 (Lahoti et al. 2026): SSD with a trapezoid for a step, with `B` and `C` that are turned by
 * an angle which grows with the token, and with `rank` inputs and outputs a head that share one state (MIMO; rank 1 is SISO).
 * For one head, with `R(theta)` turning pairs of a vector and `x_r = x · xProjection_r`:
 *
 *     theta[t] = theta[t-1] + π · tanh(angles[t]) · delta[t]
 *     b_r[t] = R(theta[t]) · (B_r[t] + BBias_r)             c_r[t] = R(theta[t]) · (C_r[t] + CBias_r)
 *     a[t] = exp(logDecay[t])                               l[t] = sigmoid(trap[t])
 *     h[t] = a[t] · h[t-1] + sum over r of
 *            (1 - l[t]) · delta[t] · a[t] · x_r[t-1] ⊗ b_r[t-1] + l[t] · delta[t] · x_r[t] ⊗ b_r[t]
 *     o_r[t] = h[t] · c_r[t] + D · x_r[t]                   scaled to a root mean square of 1, times normWeight, where that is given
 *     y[t] = sum over r of o_r[t] · silu(z[t] · zProjection_r) · yProjection_r
 *
 * Officially (`mamba3_siso_combined`, `mamba3_mimo` of state-spaces/mamba) `C` is Q, `B` is K, `x` is V, `logDecay` is ADT, `delta`
 * DT, `trap` Trap, and the projections MIMO_V, MIMO_Z, MIMO_O. Head `i` takes the `B` and `C` of group `floor(i / (heads / groups))`.
 * A pair is (0, 1), (2, 3), ... when `rotation` is "pairwise", and (i, i + state / 2) when it is "halved"; numbers beyond
 * the `pairs` that have angles, which may be none, are not turned. `wrapAngles` keeps theta in 0 to 2π, which changes nothing but
 * `finalAngle`. `trap` is `l` itself when `trapSigmoid` is false.
 *
 * Four things are carried from step to step: the state, the turned `b`, the projected `x` and theta. Given back as they
 * are, a sequence goes on where it ended, so that one token is a call of `time` 1. Packed sequences: all four are zeroed
 * before a step whose `seqIdx` differs from that of the step before. A step whose `mask` is 0 is padding: it changes none of
 * the four, its `y` is 0, and its `seqIdx` is not looked at.
 *
 * ```ts
 * const { y, finalState, finalB, finalX, finalAngle } = mamba3({ x, B, C, logDecay, delta, trap, angles });
 * const carried = { initialState: finalState, initialB: finalB, initialX: finalX, initialAngle: finalAngle };
 * const next = mamba3({ ...token, ...carried });
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension.
 * @throws RangeError if `heads` is no multiple of `groups`, `state` is too small for the pairs, or `rotation` is unknown.
 */
export const mamba3 = defineOp({
  name: "mamba3",
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
  },
  outputs: {
    y: "batch time heads headDim",
    finalState: "batch heads headDim state",
    finalB: "batch heads rank state",
    finalX: "batch heads rank headDim",
    finalAngle: "batch heads pairs",
  },
  attributes: { rotation: "pairwise", wrapAngles: true, trapSigmoid: true, normEps: 1e-5 },
  check: ({ heads, groups, state, pairs }, { rotation }) => {
    if (heads % groups !== 0) {
      throw new RangeError(
        `Cannot run "mamba3": "heads" is ${heads} but a multiple of "groups", ${groups}, was needed`,
      );
    }
    if (state < 2 * pairs) {
      throw new RangeError(`Cannot run "mamba3": "state" is ${state} but twice "pairs", ${2 * pairs}, was needed`);
    }
    if (rotation !== "pairwise" && rotation !== "halved") {
      throw new RangeError(`Cannot run "mamba3": rotation is "${rotation}" but "pairwise" or "halved" was needed`);
    }
  },
  reference: mamba3Reference,
  gradient: ({ inputs, grads, attributes }) => {
    const back = mamba3Backward(
      {
        ...inputs,
        dy: grads.y,
        dfinalState: grads.finalState,
        dfinalB: grads.finalB,
        dfinalX: grads.finalX,
        dfinalAngle: grads.finalAngle,
      },
      attributes,
    );
    return {
      x: back.dx,
      B: back.dB,
      C: back.dC,
      logDecay: back.dlogDecay,
      delta: back.ddelta,
      trap: back.dtrap,
      angles: back.dangles,
      BBias: back.dBBias,
      CBias: back.dCBias,
      D: back.dD,
      z: back.dz,
      xProjection: back.dxProjection,
      zProjection: back.dzProjection,
      yProjection: back.dyProjection,
      normWeight: back.dnormWeight,
      initialState: back.dinitialState,
      initialB: back.dinitialB,
      initialX: back.dinitialX,
      initialAngle: back.dinitialAngle,
    };
  },
});
