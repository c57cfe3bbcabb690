import type { ReferenceCall } from "@elapid/tensor";

/** One sequence after another, one step after the other; the state is kept in 64 bits. */
export function gruReference({
  dims: { batch, time, hidden },
  inputs: { x, weight, bias, initialState, mask, seqIdx },
  outputs: { y, finalState },
}: ReferenceCall<
  "batch time hidden gates",
  "x weight bias? initialState? mask:i32? seqIdx:i32?",
  "y finalState"
>): void {
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
      const product = Float64Array.from({ length: 3 * hidden }, (_, g) => {
        let sum = bias === undefined ? 0 : bias[g];
        for (let i = 0; i < hidden; i++) sum += weight[g * hidden + i] * h[i];
        return sum;
      });
      h = h.map((state, j) => {
        const { z, n } = gatesOf(x, 3 * row * hidden, product, 0, j, hidden);
        return (1 - z) * n + z * state;
      });
      y.set(h, row * hidden);
    }
    finalState.set(h, b * hidden);
  }
}

/** Back over the steps, with what flows into the state in 64 bits. */
export function gruBackwardReference({
  dims: { batch, time, hidden },
  inputs: { x, weight, product, before, mask, seqIdx, dy, dfinalState },
  outputs: { dx, dproduct, dinitialState },
}: ReferenceCall<
  "batch time hidden gates",
  "x weight product before mask:i32? seqIdx:i32? dy? dfinalState?",
  "dx dproduct dinitialState"
>): void {
  dx.fill(0);
  dproduct.fill(0);
  for (let b = 0; b < batch; b++) {
    let dh = new Float64Array(hidden); // by the state that a step left
    if (dfinalState !== undefined) dh.set(dfinalState.subarray(b * hidden, (b + 1) * hidden));
    let sequence: number | undefined;
    for (let row = (b + 1) * time - 1; row >= b * time; row--) {
      if (mask?.[row] === 0) continue;
      if (sequence !== undefined && seqIdx?.[row] !== sequence) dh.fill(0);
      sequence = seqIdx?.[row];
      const first = 3 * row * hidden;
      const next = new Float64Array(hidden);
      const d = new Float64Array(3 * hidden); // by the product
      for (let j = 0; j < hidden; j++) {
        const { r, z, n, q } = gatesOf(x, first, product, first, j, hidden);
        const dstate = dh[j] + (dy === undefined ? 0 : dy[row * hidden + j]);
        const dn = dstate * (1 - z) * (1 - n * n);
        d[j] = dn * q * r * (1 - r);
        d[hidden + j] = dstate * (before[row * hidden + j] - n) * z * (1 - z);
        d[2 * hidden + j] = dn * r;
        dx[first + 2 * hidden + j] = dn;
        next[j] = dstate * z;
      }
      dx.set(d.subarray(0, 2 * hidden), first);
      dproduct.set(d, first);
      for (let g = 0; g < 3 * hidden; g++) {
        for (let i = 0; i < hidden; i++) next[i] += weight[g * hidden + i] * d[g];
      }
      dh = next;
    }
    dinitialState.set(dh, b * hidden);
  }
}

/** The gates of channel `j` of a step, of numbers that begin at `atX` and `atP`; `q` is what the reset gate is of. */
function gatesOf(
  x: ArrayLike<number>,
  atX: number,
  product: ArrayLike<number>,
  atP: number,
  j: number,
  hidden: number,
): { readonly r: number; readonly z: number; readonly n: number; readonly q: number } {
  const r = sigmoid(x[atX + j] + product[atP + j]);
  const z = sigmoid(x[atX + hidden + j] + product[atP + hidden + j]);
  const q = product[atP + 2 * hidden + j];
  return { r, z, n: Math.tanh(x[atX + 2 * hidden + j] + r * q), q };
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
