import type { ReferenceCall } from "@elapid/tensor";

/** One channel after another; `window` holds its last `width` inputs, oldest first. */
export function causalConv1dReference({
  dims: { batch, time, inner, width },
  inputs: { x, weight, bias, initialState, mask, seqIdx },
  outputs: { y, finalState },
  attributes: { activation },
}: ReferenceCall<
  "batch time inner width window",
  "x weight bias? initialState? mask:i32? seqIdx:i32?",
  "y finalState",
  { readonly activation: string }
>): void {
  const past = width - 1;
  for (let b = 0; b < batch; b++) {
    for (let e = 0; e < inner; e++) {
      const channel = (b * inner + e) * past;
      const window = new Float64Array(width);
      if (initialState !== undefined) window.set(initialState.subarray(channel, channel + past), 1);
      let sequence: number | undefined;
      for (let t = 0; t < time; t++) {
        const row = b * time + t;
        const at = row * inner + e;
        if (mask !== undefined && mask[row] === 0) {
          y[at] = 0;
          continue;
        }
        if (seqIdx !== undefined) {
          if (sequence !== undefined && seqIdx[row] !== sequence) window.fill(0);
          sequence = seqIdx[row];
        }
        window.copyWithin(0, 1);
        window[past] = x[at];
        let sum = bias === undefined ? 0 : bias[e];
        for (let k = 0; k < width; k++) sum += weight[e * width + k] * window[k];
        y[at] = activation === "silu" ? sum / (1 + Math.exp(-sum)) : sum;
      }
      finalState.set(window.subarray(1), channel);
    }
  }
}
