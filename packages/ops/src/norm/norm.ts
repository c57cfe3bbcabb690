import { defineOp } from "@elapid/tensor";

/** Declaration of the Euclidean length of all elements together. */
export const normOp = defineOp({
  name: "norm",
  inputs: { x: "..." },
  outputs: { y: "one" },
  derive: () => ({ one: 1 }),
  reference: ({ inputs: { x }, outputs: { y } }) => {
    let sum = 0;
    for (const value of x) sum += value * value;
    y[0] = Math.sqrt(sum);
  },
});
