import { defineOp, ints, type ReferenceCall, type Tensor } from "@elapid/tensor";

/**
 * Turns the last dimension of every row as a ring.
 *
 *     y[b, e, j] = x[b, e, (j + sign · (shift[b] + offset)) mod window]
 *
 * It brings a ring buffer into order, oldest first, and with the other `sign` back: each is the gradient of the other.
 */
export const roll = defineOp({
  name: "roll",
  inputs: { x: "batch inner window", shift: ints("batch") },
  outputs: { y: "batch inner window" },
  attributes: { offset: 0, sign: 1 },
  reference: ({
    dims: { batch, inner, window },
    inputs: { x, shift },
    outputs: { y },
    attributes: { offset, sign },
  }: ReferenceCall<
    "batch inner window",
    "x shift:i32",
    "y",
    { readonly offset: number; readonly sign: number }
  >): void => {
    for (let b = 0; b < batch; b++) {
      const by = (((sign * (shift[b] + offset)) % window) + window) % window;
      for (let at = b * inner * window; at < (b + 1) * inner * window; at++) {
        const j = at % window;
        y[at] = x[at - j + ((j + by) % window)];
      }
    }
  },
  gradient: ({ inputs: { shift }, grads: { y: dy }, attributes: { offset, sign } }): { x: Tensor | undefined } => ({
    x: dy && roll({ x: dy, shift }, { offset, sign: -sign }).y,
  }),
});
