import { defineOp, optional } from "@elapid/tensor";
import { complexLinearScanBackwardReference } from "./complex-linear-scan.reference.ts";

/**
 * Declaration of the gradient of `complexLinearScan`. With `g[t]` the gradient by `h[t]`, `dL/dre + i dL/dim`:
 *
 *     g[t] = conj(a[t+1]) g[t+1] + dh[t]      db[t] = g[t]      da[t] = g[t] conj(h[t-1])
 *     dinitialState = conj(a[0]) g[0]
 *
 * `conj(a) g` after the last step is `dfinalState`. `reverse` is the direction of the recurrence, not of this scan.
 * Where the recurrence was exclusive, `h` and `dh` are of the states before the steps.
 */
export const complexLinearScanBackward = defineOp({
  name: "complex-linear-scan.backward",
  inputs: {
    a: "outer time inner complex",
    h: "outer time inner complex",
    initialState: optional("outer inner complex"),
    dh: optional("outer time inner complex"),
    dfinalState: optional("outer inner complex"),
  },
  outputs: { da: "outer time inner complex", db: "outer time inner complex", dinitialState: "outer inner complex" },
  attributes: { reverse: false, exclusive: false },
  derive: () => ({ complex: 2 }),
  reference: complexLinearScanBackwardReference,
});
