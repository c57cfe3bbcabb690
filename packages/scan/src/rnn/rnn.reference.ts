import type { ReferenceCall } from "@elapid/tensor";

/** One sequence after another, one step after another; the state is kept in 64 bits. */
export function rnnReference({
  dims: { batch, time, hidden },
  inputs: { x, weight, bias, initialState, mask, seqIdx },
  outputs: { y, finalState },
}: ReferenceCall<"batch time hidden", "x weight bias? initialState? mask:i32? seqIdx:i32?", "y finalState">): void {
  for (let b = 0; b < batch; b++) {
    let h = new Float64Array(hidden);
    if (initialState !== undefined) h.set(initialState.subarray(b * hidden, (b + 1) * hidden));
    let sequence: number | undefined;
    for (let row = b * time; row < (b + 1) * time; row++) {
      if (mask?.[row] === 0) {
        y.fill(0, row * hidden, (row + 1) * hidden);
        continue;
      }
      if (sequence !== undefined && seqIdx?.[row] !== sequence) h.fill(0);
      sequence = seqIdx?.[row];
      const next = new Float64Array(hidden);
      for (let j = 0; j < hidden; j++) {
        let sum = x[row * hidden + j] + (bias === undefined ? 0 : bias[j]);
        for (let i = 0; i < hidden; i++) sum += weight[j * hidden + i] * h[i];
        next[j] = Math.tanh(sum);
      }
      h = next;
      y.set(h, row * hidden);
    }
    finalState.set(h, b * hidden);
  }
}

/** Back over the steps, with what flows into the state in 64 bits. */
export function rnnBackwardReference({
  dims: { batch, time, hidden },
  inputs: { weight, y, mask, seqIdx, dy, dfinalState },
  outputs: { dx, dinitialState },
}: ReferenceCall<"batch time hidden", "weight y mask:i32? seqIdx:i32? dy? dfinalState?", "dx dinitialState">): void {
  dx.fill(0);
  for (let b = 0; b < batch; b++) {
    let dh = new Float64Array(hidden); // by the state that a step left
    if (dfinalState !== undefined) dh.set(dfinalState.subarray(b * hidden, (b + 1) * hidden));
    let sequence: number | undefined;
    for (let row = (b + 1) * time - 1; row >= b * time; row--) {
      if (mask?.[row] === 0) continue;
      if (sequence !== undefined && seqIdx?.[row] !== sequence) dh.fill(0);
      sequence = seqIdx?.[row];
      const before = new Float64Array(hidden);
      for (let j = 0; j < hidden; j++) {
        const at = row * hidden + j;
        const d = (dh[j] + (dy === undefined ? 0 : dy[at])) * (1 - y[at] ** 2);
        dx[at] = d;
        for (let i = 0; i < hidden; i++) before[i] += weight[j * hidden + i] * d;
      }
      dh = before;
    }
    dinitialState.set(dh, b * hidden);
  }
}
