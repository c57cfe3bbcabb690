import { defineOp, optional, optionalInts, type Tensor } from "@elapid/tensor";
import { complexSelectiveScanBackward } from "./complex-selective-scan.backward.ts";
import { complexSelectiveScanReference } from "./complex-selective-scan.reference.ts";
import { checkRows, withGroups } from "./shared-rows.ts";

/** Declaration of `complexSelectiveScan`, with `B` and `C` in one form, as that of `selectiveScan` has them. */
export const complexSelectiveScanOp = defineOp({
  name: "complex-selective-scan",
  inputs: {
    u: "batch time inner",
    delta: "batch time inner",
    A: "inner state complex",
    B: "batchB timeB groupsB state complex",
    C: "batchC timeC groupsC state complex",
    D: optional("inner"),
    z: optional("batch time inner"),
    deltaBias: optional("inner"),
    initialState: optional("batch inner state complex"),
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
  },
  outputs: { y: "batch time inner", finalState: "batch inner state complex" },
  attributes: { deltaSoftplus: false },
  derive: () => ({ complex: 2 }),
  check: (dims) => checkRows("complex-selective-scan", dims),
  reference: complexSelectiveScanReference,
  gradient: ({ inputs, grads: { y: dy, finalState: dfinalState }, attributes }) => {
    const back = complexSelectiveScanBackward({ ...inputs, dy, dfinalState }, attributes);
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

/** Tensors that `complexSelectiveScan` takes; `B` and `C` in any of its three forms. */
export type ComplexSelectiveScanInputs = Parameters<typeof complexSelectiveScanOp>[0];
/** Switches of `complexSelectiveScan`. */
export type ComplexSelectiveScanOptions = NonNullable<Parameters<typeof complexSelectiveScanOp>[1]>;

/**
 * `selectiveScan` with complex `A`, `B`, `C` and states: these have a last dimension of 2, real and imaginary part.
 *
 *     d[t] = softplus(delta[t] + deltaBias)
 *     h[t] = exp(d[t] · A) · h[t-1] + d[t] · B[t] · u[t]      h[-1] = initialState, or 0
 *     y[t] = (2 Re(C[t] · h[t]) + D · u[t]) · silu(z[t])
 *
 * Nothing is conjugated: twice the real part is the sum over an entry of the state and its conjugate, which is not
 * kept, as in `selective_scan_ref` of state-spaces/mamba. The real part of `A` is negative. All else is as in
 * `selectiveScan`. Gradients of complex inputs are `dL/dre + i dL/dim`.
 *
 * ```ts
 * const A = device.tensor(Float32Array.of(-0.5, 0, -0.5, 3.14), [1, 2, 2]); // a channel, two states and their conjugates
 * const { y, finalState } = complexSelectiveScan({ u, delta, A, B, C }, { deltaSoftplus: true });
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension, or the last of a complex one is not 2.
 * @throws RangeError if `inner` is no multiple of the groups of `B` or `C`.
 */
export function complexSelectiveScan(
  inputs: ComplexSelectiveScanInputs,
  options?: ComplexSelectiveScanOptions,
): { readonly y: Tensor; readonly finalState: Tensor } {
  const { name } = complexSelectiveScanOp;
  const B = withGroups(name, "B", inputs.B, inputs.A, "state complex");
  const C = withGroups(name, "C", inputs.C, inputs.A, "state complex");
  return complexSelectiveScanOp({ ...inputs, B, C }, options);
}
