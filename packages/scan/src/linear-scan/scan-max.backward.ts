import { defineOp } from "@elapid/tensor";
import { steps } from "./order.ts";

/**
 * Declaration of the gradient of the running maximum. An element with `x[t] = y[t]` is a record, also one that only
 * equals the last; it stands until the next, and what flows into the results meanwhile is its own:
 *
 *     dx[t] = sum of dy[t] until before the next record      0 where x[t] is no record
 *
 * A NaN is a record. `reverse` is the direction of the maximum, not of this scan.
 */
export const scanMaxBackward = defineOp({
  name: "scan-max.backward",
  inputs: { x: "... time", y: "... time", dy: "... time" },
  outputs: { dx: "... time" },
  attributes: { reverse: false },
  reference: ({ dims: { rows, time }, inputs: { x, y, dy }, outputs: { dx }, attributes: { reverse } }) => {
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (const at of steps(row, time, !reverse)) {
        sum += dy[at];
        const record = x[at] === y[at] || Number.isNaN(x[at]);
        dx[at] = record ? sum : 0;
        if (record) sum = 0;
      }
    }
  },
});
