import { defineOp, optional } from "@elapid/tensor";
import { complexLinearScanBackwardReference } from "./complex-linear-scan.reference.ts";

/**
 * Declaration of the gradient of `complexLinearScan`. With `g[t]` the gradient by `h[t]`, `dL/dre + i dL/dim`:
 *
 *     g[t] = conj(a[t+1]) g[t+1] + dh[t]      db[t] = g[t]      da[t] = g[t] conj(h[t-1])
 *     dinitialState = conj(a[0]) g[0]
 *
 * `conj(a) g` after the last step is `dfinalState`. `reverse` is the direction of the recurrence, not of this scan.
 */
export const complexLinearScanBackward = defineOp({
  name: "complex-linear-scan.backward",
  inputs: {
    a: "... time complex",
    h: "... time complex",
    initialState: optional("... complex"),
    dh: optional("... time complex"),
    dfinalState: optional("... complex"),
  },
  outputs: { da: "... time complex", db: "... time complex", dinitialState: "... complex" },
  attributes: { reverse: false },
  derive: () => ({ complex: 2 }),
  reference: complexLinearScanBackwardReference,
});
