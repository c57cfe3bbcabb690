import { defineOp, ints, type ReferenceCall } from "@elapid/tensor";

/**
 * Declaration of the gradient of `crossEntropy` by the logits:
 *
 *     dlogits = dloss · (softmax(logits) - (1 - s) · onehot(label) - s / vocab)      s = labelSmoothing
 *
 * Rows whose label is `ignoreIndex` get zeros.
 */
export const crossEntropyBackward = defineOp({
  name: "cross-entropy.backward",
  inputs: { logits: "... vocab", labels: ints("..."), dloss: "..." },
  outputs: { dlogits: "... vocab" },
  attributes: { ignoreIndex: -100, labelSmoothing: 0 },
  reference: crossEntropyBackwardReference,
});

function crossEntropyBackwardReference({
  dims: { rows, vocab },
  inputs: { logits, labels, dloss },
  outputs: { dlogits },
  attributes: { ignoreIndex, labelSmoothing },
}: ReferenceCall<
  "rows vocab",
  "logits labels:i32 dloss",
  "dlogits",
  { readonly ignoreIndex: number; readonly labelSmoothing: number }
>): void {
  for (let r = 0; r < rows; r++) {
    const row = logits.subarray(r * vocab, (r + 1) * vocab);
    const out = dlogits.subarray(r * vocab, (r + 1) * vocab);
    if (labels[r] === ignoreIndex) {
      out.fill(0);
      continue;
    }
    const peak = row.reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    for (const logit of row) sum += Math.exp(logit - peak);
    for (let v = 0; v < vocab; v++) {
      const target = (v === labels[r] ? 1 - labelSmoothing : 0) + labelSmoothing / vocab;
      out[v] = dloss[r] * (Math.exp(row[v] - peak) / sum - target);
    }
  }
}
