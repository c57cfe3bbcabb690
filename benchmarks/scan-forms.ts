import { linearScan, selectiveScan } from "@elapid/scan";
import {
  concat,
  randomSource,
  recompute,
  repeat,
  sum,
  sumAxis,
  valueAndGrad,
  type Device,
  type Tensor,
} from "@elapid/tensor";

export interface Sizes {
  readonly batch: number;
  readonly time: number;
  readonly inner: number;
  readonly state: number;
}

export type ScanInputs = Readonly<Record<"u" | "delta" | "A" | "B" | "C", Tensor>>;

/** A way to compute the selective scan: `y` from the inputs. */
export type ScanForm = (inputs: ScanInputs) => Tensor;

/** Steps of a chunk of `chunkByChunk`. */
const CHUNK = 64;

/** The op, which never writes the states down. */
export const fused: ScanForm = (inputs) => selectiveScan(inputs).y;

/** The same function in ops that any tensor library has, a step after the other. */
export const stepByStep: ScanForm = ({ u, delta, A, B, C }) => {
  using scope = u.device.scope();
  const { time, inner } = delta.dims("batch time inner");
  const state = A.shape[1];
  let h: Tensor | undefined;
  const rows: Tensor[] = [];
  for (let t = 0; t < time; t++) {
    using step = u.device.scope();
    const [ut, dt, Bt, Ct] = [u, delta, B, C].map((x) => x.slice(1, t, t + 1));
    const input = repeat(dt.mul(ut), 3, state).mul(repeat(Bt, 2, inner));
    const next: Tensor = h === undefined ? input : repeat(dt, 3, state).mul(A).exp().mul(h).add(input);
    rows.push(step.keep(sumAxis(next.mul(repeat(Ct, 2, inner)), 3)));
    h?.dispose();
    h = step.keep(next);
  }
  return scope.keep(concat(rows, 1));
};

/** The same function in those ops and one scan of the first order: each tensor in between has a state for each element. */
export const aroundLinearScan: ScanForm = (inputs) => {
  using scope = inputs.u.device.scope();
  return scope.keep(scanned(inputs).y);
};

/** The same for chunks of the sequence, one after the other, whose tensors in between a gradient computes again. */
export const chunkByChunk: ScanForm = (inputs) => {
  const { A, ...sequences } = inputs;
  const { device } = A;
  using scope = device.scope();
  const { batch, time, inner } = inputs.delta.dims("batch time inner");
  let h = device.zeros([batch, inner, A.shape[1]]);
  const rows: Tensor[] = [];
  for (let t = 0; t < time; t += CHUNK) {
    using chunk = device.scope();
    const cut = (x: Tensor) => x.slice(1, t, Math.min(t + CHUNK, time));
    const [u, delta, B, C] = [sequences.u, sequences.delta, sequences.B, sequences.C].map(cut);
    const { y, state } = recompute(
      ({ h, ...inputs }) => {
        using inside = device.scope();
        const { y, state } = scanned(inputs, h);
        return { y: inside.keep(y), state: inside.keep(state) };
      },
      { u, delta, A, B, C, h },
    );
    rows.push(chunk.keep(y));
    h.dispose();
    h = chunk.keep(state);
  }
  return scope.keep(concat(rows, 1));
};

function scanned({ u, delta, A, B, C }: ScanInputs, initialState?: Tensor) {
  const { inner } = delta.dims("batch time inner");
  const state = A.shape[1];
  const decay = repeat(delta, 3, state).mul(A).exp();
  const input = repeat(delta.mul(u), 3, state).mul(repeat(B, 2, inner));
  const { h, finalState } = linearScan({ a: decay, b: input, initialState }, { axis: 1 });
  return { y: sumAxis(h.mul(repeat(C, 2, inner)), 3), state: finalState };
}

/** Runs a form, weighs what it gives, and takes the gradient by every input. */
export function gradients(form: ScanForm, inputs: ScanInputs): void {
  valueAndGrad(() => sum(form(inputs)), inputs);
}

export function randomScanInputs(device: Device, { batch, time, inner, state }: Sizes): ScanInputs {
  const random = filler(device);
  return {
    u: random([batch, time, inner]),
    delta: random([batch, time, inner], 0.001, 0.1),
    A: random([inner, state], -state, -1),
    B: random([batch, time, state]),
    C: random([batch, time, state]),
  };
}

/** Makes tensors of random numbers, the same each time. */
export function filler(device: Device) {
  const source = randomSource(7);
  return (shape: readonly number[], low = -1, high = 1): Tensor => {
    const size = shape.reduce((product, length) => product * length, 1);
    return device.tensor(
      Float32Array.from({ length: size }, () => low + (high - low) * source.next()),
      shape,
    );
  };
}
