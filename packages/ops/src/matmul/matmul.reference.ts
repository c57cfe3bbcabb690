import type { ReferenceCall } from "@elapid/tensor";

/** The sum runs in 64 bits, over `in` in order. */
export function matmulReference({
  dims: { rows, in: inner, out },
  inputs: { x, weight, bias },
  outputs: { y },
}: ReferenceCall<"rows in out", "x weight bias?", "y">): void {
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < out; o++) {
      let sum = 0;
      for (let i = 0; i < inner; i++) sum += x[r * inner + i] * weight[o * inner + i];
      y[r * out + o] = sum + (bias === undefined ? 0 : bias[o]);
    }
  }
}
