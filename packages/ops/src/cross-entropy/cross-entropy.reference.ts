import type { ReferenceCall } from "@elapid/tensor";

/** The largest logit is taken out before the exponentials, so no size of logit overflows. */
export function crossEntropyReference({
  dims: { rows, vocab },
  inputs: { logits, labels },
  outputs: { loss },
  attributes: { ignoreIndex, labelSmoothing },
}: ReferenceCall<
  "rows vocab",
  "logits labels:i32",
  "loss",
  { readonly ignoreIndex: number; readonly labelSmoothing: number }
>): void {
  for (let r = 0; r < rows; r++) {
    const label = labels[r];
    if (label === ignoreIndex) {
      loss[r] = 0;
      continue;
    }
    const row = logits.subarray(r * vocab, (r + 1) * vocab);
    const peak = row.reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    let total = 0;
    for (const logit of row) {
      sum += Math.exp(logit - peak);
      total += logit;
    }
    const target = label >= 0 && label < vocab ? row[label] : NaN;
    // without smoothing, other logits may be -Infinity
    const spread = labelSmoothing === 0 ? 0 : (labelSmoothing * total) / vocab;
    loss[r] = peak + Math.log(sum) - (1 - labelSmoothing) * target - spread;
  }
}
