import { defineOp, optional, optionalInts } from "@elapid/tensor";
import { selectiveScanBackward } from "./selective-scan.backward.ts";
import { selectiveScanReference } from "./selective-scan.reference.ts";

/**
 * Selective state-space scan, the recurrence of Mamba-1 (Gu & Dao 2023, Algorithm 2).
 *
 *     d[t] = softplus(delta[t] + deltaBias)
 *     h[t] = exp(d[t] · A) · h[t-1] + d[t] · B[t] · u[t]      h[-1] = initialState, or 0
 *     y[t] = (C[t] · h[t] + D · u[t]) · silu(z[t])
 *
 * `A` is negative, so the state decays. `A` is discretised exactly and `B` to first order, as in
 * `selective_scan_ref` of state-spaces/mamba: the exact form of `B` would give other logits. Softplus
 * is applied when the attribute `deltaSoftplus` is set; `deltaBias`, `D` and `z` may be left out.
 *
 * A step whose `mask` is 0 is padding: it leaves the state as it is and its `y` is 0.
 * One token is a scan of `time` 1 that starts from the state of the last one: it gives the same
 * numbers as the scan of the whole sequence.
 *
 * ```ts
 * const { y, finalState } = selectiveScan({ u, delta, A, B, C, D, z }, { deltaSoftplus: true });
 * const next = selectiveScan({ ...token, initialState: finalState }, { deltaSoftplus: true });
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension.
 */
export const selectiveScan = defineOp({
  name: "selective-scan",
  inputs: {
    u: "batch time inner",
    delta: "batch time inner",
    A: "inner state",
    B: "batch time state",
    C: "batch time state",
    D: optional("inner"),
    z: optional("batch time inner"),
    deltaBias: optional("inner"),
    initialState: optional("batch inner state"),
    mask: optionalInts("batch time"),
  },
  outputs: { y: "batch time inner", finalState: "batch inner state" },
  attributes: { deltaSoftplus: false },
  reference: selectiveScanReference,
  gradient: ({ inputs, grads: { y: dy, finalState: dfinalState }, attributes }) => {
    const back = selectiveScanBackward({ ...inputs, dy, dfinalState }, attributes);
    return {
      u: back.du,
      delta: back.ddelta,
      A: back.dA,
      B: back.dB,
      C: back.dC,
      D: back.dD,
      z: back.dz,
      deltaBias: back.ddeltaBias,
      initialState: back.dinitialState,
    };
  },
});
