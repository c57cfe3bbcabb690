import { matmul, matmulWeightGradient } from "@elapid/ops";
import { defineOp, optional, optionalInts, sumRows } from "@elapid/tensor";
import { statesBefore } from "../rnn/states-before.ts";
import { gruBackward } from "./gru.backward.ts";
import { gruReference } from "./gru.reference.ts";

/**
 * Gated recurrent unit (Cho et al. 2014), as `torch.nn.GRU` computes a layer, its input projected beforehand. A step's `x` and its
 * product `p[t] = weight h[t-1] + bias` hold three gates each, in PyTorch's order: reset, update, new.
 *
 *     r = sigmoid(x.r + p.r)      z = sigmoid(x.z + p.z)      n = tanh(x.n + r · p.n)
 *     h[t] = (1 - z) · n + z · h[t-1]                         h[-1] = initialState, or 0
 *
 * The reset gate stands after the product, in which this differs from the paper. `y` holds every `h`. Unlike the scans it is serial
 * in time: a step waits for the one before.
 *
 * A step whose `mask` is 0 is padding: it leaves the state as it is and its `y` is 0. With `seqIdx` a row holds several sequences, and
 * one begins, from a state of 0, wherever the number changes.
 *
 * ```ts
 * const { y, finalState } = gru({ x: matmul(input, inputWeight, inputBias), weight, bias });
 * const next = gru({ x: token, weight, bias, initialState: finalState }); // token: "batch 1 gates"
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension, or `gates` is not `3 · hidden`.
 */
export const gru = defineOp({
  name: "gru",
  inputs: {
    x: "batch time gates",
    weight: "gates hidden",
    bias: optional("gates"),
    initialState: optional("batch hidden"),
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
  },
  outputs: { y: "batch time hidden", finalState: "batch hidden" },
  derive: ({ hidden }) => ({ gates: 3 * hidden }),
  reference: gruReference,
  gradient: ({ inputs, outputs: { y }, grads: { y: dy, finalState: dfinalState } }) => {
    const { x, weight, bias, initialState, mask, seqIdx } = inputs;
    const { before } = statesBefore({ y, initialState, mask, seqIdx });
    const product = matmul(before, weight, bias);
    const back = gruBackward({ x, weight, product, before, mask, seqIdx, dy, dfinalState });
    return {
      x: back.dx,
      weight: matmulWeightGradient({ dy: back.dproduct, x: before }).dweight,
      bias: bias && sumRows(back.dproduct.reshape([-1, bias.size])),
      initialState: initialState && back.dinitialState,
    };
  },
});
