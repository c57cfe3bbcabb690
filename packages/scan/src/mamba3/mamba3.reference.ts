import type { ReferenceCall } from "@elapid/tensor";
import {
  advance,
  readout,
  silu,
  startOf,
  tokenOf,
  zeroStart,
  type Last,
  type Mamba3Attributes,
  type Mamba3Dims,
  type Mamba3Inputs,
} from "./head.ts";

/** One head after another, one step after another; the state is kept in 64 bits. */
export function mamba3Reference(
  call: ReferenceCall<Mamba3Dims, Mamba3Inputs, "y finalState finalB finalX finalAngle", Mamba3Attributes>,
): void {
  const {
    dims: { batch, time, heads, headDim, rank },
    inputs: { delta, yProjection, mask, seqIdx },
    outputs: { y, finalState, finalB, finalX, finalAngle },
  } = call;
  for (let b = 0; b < batch; b++) {
    for (let head = 0; head < heads; head++) {
      const start = startOf(call, b, head);
      let h = start.h;
      let last: Last = start;
      let sequence: number | undefined;
      for (let t = 0; t < time; t++) {
        const row = b * time + t;
        const at = row * heads + head;
        y.fill(0, at * headDim, (at + 1) * headDim);
        if (mask !== undefined && mask[row] === 0) continue;
        if (seqIdx !== undefined) {
          if (sequence !== undefined && seqIdx[row] !== sequence) {
            const zero = zeroStart(call);
            h = zero.h;
            last = zero;
          }
          sequence = seqIdx[row];
        }
        const token = tokenOf(call, row, head, last);
        h = advance(call.dims, h, last, token, delta[at]);
        last = token;
        const { normalised, gateInput } = readout(call, row, head, h, token);
        for (let p = 0; p < headDim; p++) {
          let sum = 0;
          for (let r = 0; r < rank; r++) {
            const i = r * headDim + p;
            const gate = gateInput.length === 0 ? 1 : silu(gateInput[i]);
            const projection = yProjection === undefined ? 1 : yProjection[head * rank * headDim + i];
            sum += normalised[i] * gate * projection;
          }
          y[at * headDim + p] = sum;
        }
      }
      const unit = b * heads + head;
      finalState.set(h, unit * h.length);
      finalB.set(last.B, unit * last.B.length);
      finalX.set(last.x, unit * last.x.length);
      finalAngle.set(last.theta, unit * last.theta.length);
    }
  }
}
