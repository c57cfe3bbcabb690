import { defineOp, optional, optionalInts, type ReferenceCall } from "@elapid/tensor";

/**
 * Declaration of the gradient of `causalConv1d`. With `s[t]` the sum before the activation and `ds[t]` its
 * gradient, tap `k` of step `t` met input `t - (width - 1) + k`:
 *
 *     dweight[k] = sum over t of ds[t] · x[t - (width - 1) + k]      dbias = sum over t of ds[t]
 *     dx[j]      = sum over k of ds[j + (width - 1) - k] · weight[k]
 *
 * Inputs before the first are those of `initialState`; `dfinalState` flows into the last inputs. With `seqIdx` this holds
 * for each sequence of a row, `initialState` being of the first and `dfinalState` of the last.
 */
export const causalConv1dBackward = defineOp({
  name: "causal-conv1d.backward",
  inputs: {
    x: "batch time inner",
    weight: "inner width",
    bias: optional("inner"),
    initialState: optional("batch inner window"),
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
    dy: optional("batch time inner"),
    dfinalState: optional("batch inner window"),
  },
  outputs: {
    dx: "batch time inner",
    dweight: "inner width",
    dbias: "inner",
    dinitialState: "batch inner window",
  },
  attributes: { activation: "none" },
  derive: ({ width }) => ({ window: width - 1 }),
  reference: causalConv1dBackwardReference,
});

/** Channel by channel and sequence by sequence: the inputs that are no padding, those of the state in front, as one line. */
function causalConv1dBackwardReference({
  dims: { batch, time, inner, width },
  inputs: { x, weight, bias, initialState, mask, seqIdx, dy, dfinalState },
  outputs: { dx, dweight, dbias, dinitialState },
  attributes: { activation },
}: ReferenceCall<
  "batch time inner width window",
  "x weight bias? initialState? mask:i32? seqIdx:i32? dy? dfinalState?",
  "dx dweight dbias dinitialState",
  { readonly activation: string }
>): void {
  const past = width - 1;
  dx.fill(0);
  const weightSums = new Float64Array(inner * width);
  const biasSums = new Float64Array(inner);
  for (let b = 0; b < batch; b++) {
    const rows = Array.from({ length: time }, (_, t) => b * time + t).filter((row) => mask?.[row] !== 0);
    const sequences = sequencesOf(rows, seqIdx);
    for (let e = 0; e < inner; e++) {
      const channel = (b * inner + e) * past;
      sequences.forEach((steps, s) => {
        const line = new Float64Array(past + steps.length);
        if (s === 0 && initialState !== undefined) line.set(initialState.subarray(channel, channel + past));
        steps.forEach((row, i) => (line[past + i] = x[row * inner + e]));
        const dline = new Float64Array(line.length);
        if (s === sequences.length - 1 && dfinalState !== undefined) {
          dline.set(dfinalState.subarray(channel, channel + past), steps.length);
        }
        steps.forEach((row, i) => {
          if (dy === undefined) return;
          let sum = bias === undefined ? 0 : bias[e];
          for (let k = 0; k < width; k++) sum += weight[e * width + k] * line[i + k];
          const sigmoid = 1 / (1 + Math.exp(-sum));
          const ds = dy[row * inner + e] * (activation === "silu" ? sigmoid * (1 + sum * (1 - sigmoid)) : 1);
          for (let k = 0; k < width; k++) {
            weightSums[e * width + k] += ds * line[i + k];
            dline[i + k] += ds * weight[e * width + k];
          }
          biasSums[e] += ds;
        });
        if (s === 0) dinitialState.set(dline.subarray(0, past), channel);
        steps.forEach((row, i) => (dx[row * inner + e] = dline[past + i]));
      });
    }
  }
  dweight.set(weightSums);
  dbias.set(biasSums);
}

/** Runs of rows with one number; a row of the batch without any step is an empty sequence, through which the state passes. */
function sequencesOf(rows: readonly number[], seqIdx: Int32Array | undefined): number[][] {
  const sequences: number[][] = [[]];
  rows.forEach((row, i) => {
    if (i > 0 && seqIdx !== undefined && seqIdx[row] !== seqIdx[rows[i - 1]]) sequences.push([]);
    sequences[sequences.length - 1].push(row);
  });
  return sequences;
}
