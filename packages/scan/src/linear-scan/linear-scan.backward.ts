import { defineOp, optional } from "@elapid/tensor";
import { linearScanBackwardReference } from "./linear-scan.reference.ts";

/**
 * Declaration of the gradient of `linearScan`, a linear scan the other way. With `g[t]` the gradient by `h[t]`:
 *
 *     g[t] = a[t+1] g[t+1] + dh[t]      db[t] = g[t]      da[t] = g[t] h[t-1]      dinitialState = a[0] g[0]
 *
 * `a g` after the last step is `dfinalState`. `reverse` is the direction of the recurrence, not of this scan.
 * Where the recurrence was exclusive, `h` and `dh` are of the states before the steps.
 */
export const linearScanBackward = defineOp({
  name: "linear-scan.backward",
  inputs: {
    a: "outer time inner",
    h: "outer time inner",
    initialState: optional("outer inner"),
    dh: optional("outer time inner"),
    dfinalState: optional("outer inner"),
  },
  outputs: { da: "outer time inner", db: "outer time inner", dinitialState: "outer inner" },
  attributes: { reverse: false, exclusive: false },
  reference: linearScanBackwardReference,
});
