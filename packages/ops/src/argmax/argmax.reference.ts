import type { ReferenceCall } from "@elapid/tensor";

export function argmaxReference({
  dims: { rows, features },
  inputs: { x },
  outputs: { index },
}: ReferenceCall<"rows features", "x", "index:i32">): void {
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * features, (r + 1) * features);
    const peak = row.reduce((a, b) => Math.max(a, b), -Infinity);
    if (Number.isNaN(peak)) index[r] = -1 - row.findIndex(Number.isNaN);
    else index[r] = peak === -Infinity ? -1 - features : row.indexOf(peak);
  }
}
