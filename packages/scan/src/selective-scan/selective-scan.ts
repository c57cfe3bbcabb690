import { defineOp, optional, optionalInts, type Tensor } from "@elapid/tensor";
import { selectiveScanBackward } from "./selective-scan.backward.ts";
import { selectiveScanReference } from "./selective-scan.reference.ts";
import { checkRows, withGroups } from "./shared-rows.ts";

/**
 * Declaration of `selectiveScan`, with `B` and `C` in one form. Before "state" their sizes are those of `batch`, `time` and
 * a number of groups that divides `inner`; or, if they are constant, 1, 1 and `inner`.
 */
export const selectiveScanOp = defineOp({
  name: "selective-scan",
  inputs: {
    u: "batch time inner",
    delta: "batch time inner",
    A: "inner state",
    B: "batchB timeB groupsB state",
    C: "batchC timeC groupsC state",
    D: optional("inner"),
    z: optional("batch time inner"),
    deltaBias: optional("inner"),
    initialState: optional("batch inner state"),
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
  },
  outputs: { y: "batch time inner", finalState: "batch inner state" },
  attributes: { deltaSoftplus: false },
  check: (dims) => checkRows("selective-scan", dims),
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

/** Tensors that `selectiveScan` takes; `B` and `C` in any of its three forms. */
export type SelectiveScanInputs = Parameters<typeof selectiveScanOp>[0];
/** Switches of `selectiveScan`. */
export type SelectiveScanOptions = NonNullable<Parameters<typeof selectiveScanOp>[1]>;

/**
 * Selective state-space scan, the recurrence of Mamba-1 (Gu & Dao 2023, Algorithm 2).
 *
 *     d[t] = softplus(delta[t] + deltaBias)
 *     h[t] = exp(d[t] · A) · h[t-1] + d[t] · B[t] · u[t]      h[-1] = initialState, or 0
 *     y[t] = (C[t] · h[t] + D · u[t]) · silu(z[t])
 *
 * `u`, `delta`, `z` and `y` are "batch time inner", `A` is "inner state", `D` and `deltaBias` "inner", states
 * "batch inner state". `B` and `C`, each for itself, are variable, "batch time state"; grouped, "batch time groups state",
 * where channel `e` takes those of group `floor(e / (inner / groups))`; or constant, "inner state".
 *
 * `A` is negative, so the state decays. `A` is discretised exactly and `B` to first order, as in
 * `selective_scan_ref` of state-spaces/mamba: the exact form of `B` would give other logits. Softplus
 * is applied when `deltaSoftplus` is set; `deltaBias`, `D` and `z` may be left out.
 *
 * Packed sequences: the state is zeroed before a step whose `seqIdx`, "batch time", differs from that of the step before.
 * A step whose `mask`, "batch time", is 0 is padding: it leaves the state as it is, its `y` is 0, and its `seqIdx` is not
 * looked at. One token is a scan of `time` 1 that starts from the state of the last one: it gives the same
 * numbers as the scan of the whole sequence.
 *
 * ```ts
 * const { y, finalState } = selectiveScan({ u, delta, A, B, C, D, z }, { deltaSoftplus: true });
 * const next = selectiveScan({ ...token, initialState: finalState }, { deltaSoftplus: true });
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension.
 * @throws RangeError if `inner` is no multiple of the groups of `B` or `C`.
 */
export function selectiveScan(
  inputs: SelectiveScanInputs,
  options?: SelectiveScanOptions,
): { readonly y: Tensor; readonly finalState: Tensor } {
  const { name } = selectiveScanOp;
  const B = withGroups(name, "B", inputs.B, inputs.A, "state");
  const C = withGroups(name, "C", inputs.C, inputs.A, "state");
  return selectiveScanOp({ ...inputs, B, C }, options);
}
