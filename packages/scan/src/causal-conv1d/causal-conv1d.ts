import { defineOp, optional, optionalInts } from "@elapid/tensor";
import { causalConv1dBackward } from "./causal-conv1d.backward.ts";
import { causalConv1dReference } from "./causal-conv1d.reference.ts";

/**
 * Causal depthwise convolution over time, as Dao-AILab/causal-conv1d.
 *
 *     y[t] = act(bias + sum over k of weight[k] · x[t - (width - 1) + k])
 *
 * The last tap meets the current input. Inputs before the first come from `initialState` (the `width - 1`
 * inputs before it, oldest first), or are 0; `finalState` is what the next call starts from.
 * `activation` is `"none"` or `"silu"`.
 *
 * A step whose `mask` is 0 is padding: it does not enter the window and its `y` is 0.
 *
 * With `seqIdx` a row holds several sequences, and one begins wherever the number changes: inputs before it are 0.
 * `initialState` belongs to the first sequence of a row, and `finalState` is that of the last.
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension, RangeError for another activation.
 */
export const causalConv1d = defineOp({
  name: "causal-conv1d",
  inputs: {
    x: "batch time inner",
    weight: "inner width",
    bias: optional("inner"),
    initialState: optional("batch inner window"),
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
  },
  outputs: { y: "batch time inner", finalState: "batch inner window" },
  attributes: { activation: "none" },
  derive: ({ width }) => ({ window: width - 1 }),
  check: ({ width }, { activation }) => {
    if (width < 1) throw new RangeError('Cannot run "causal-conv1d": "width" is 0 but at least 1 was needed');
    if (activation !== "none" && activation !== "silu") {
      throw new RangeError(`Cannot run "causal-conv1d": activation is "${activation}" but "none" or "silu" was needed`);
    }
  },
  reference: causalConv1dReference,
  gradient: ({ inputs, grads: { y: dy, finalState: dfinalState }, attributes }) => {
    const back = causalConv1dBackward({ ...inputs, dy, dfinalState }, attributes);
    return { x: back.dx, weight: back.dweight, bias: back.dbias, initialState: back.dinitialState };
  },
});
