import { matmulWeightGradient } from "@elapid/ops";
import { defineOp, optional, optionalInts, sumRows } from "@elapid/tensor";
import { rnnBackward } from "./rnn.backward.ts";
import { rnnReference } from "./rnn.reference.ts";
import { statesBefore } from "./states-before.ts";

/**
 * Recurrent network with tanh (Elman 1990), as `torch.nn.RNN` computes a layer, its input projected beforehand:
 *
 *     h[t] = tanh(x[t] + weight h[t-1] + bias)        h[-1] = initialState, or 0
 *
 * `y` holds every `h`. Unlike the scans it is serial in time: a step waits for the one before.
 *
 * A step whose `mask` is 0 is padding: it leaves the state as it is and its `y` is 0. With `seqIdx` a row holds several sequences, and
 * one begins, from a state of 0, wherever the number changes.
 *
 * ```ts
 * const { y, finalState } = rnn({ x: matmul(input, inputWeight, inputBias), weight, bias });
 * const next = rnn({ x: token, weight, bias, initialState: finalState }); // token: "batch 1 hidden"
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension.
 */
export const rnn = defineOp({
  name: "rnn",
  inputs: {
    x: "batch time hidden",
    weight: "hidden hidden",
    bias: optional("hidden"),
    initialState: optional("batch hidden"),
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
  },
  outputs: { y: "batch time hidden", finalState: "batch hidden" },
  reference: rnnReference,
  gradient: ({ inputs, outputs: { y }, grads: { y: dy, finalState: dfinalState } }) => {
    const { weight, bias, initialState, mask, seqIdx } = inputs;
    const { dx, dinitialState } = rnnBackward({ weight, y, mask, seqIdx, dy, dfinalState });
    const { before } = statesBefore({ y, initialState, mask, seqIdx });
    return {
      x: dx,
      weight: matmulWeightGradient({ dy: dx, x: before }).dweight,
      bias: bias && sumRows(dx.reshape([-1, bias.size])),
      initialState: initialState && dinitialState,
    };
  },
});
