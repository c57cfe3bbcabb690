import type { ReferenceCall } from "@elapid/tensor";
import { softplus } from "../ssd/step-size.ts";

type Dims = "batch time heads pairs";
type Inputs = "rawDelta rawA deltaBias angles";
type Floor = { readonly floor: number };

/** Step by step, head by head. */
export function mamba3StepsReference({
  dims: { heads, pairs },
  inputs: { rawDelta, rawA, deltaBias, angles },
  outputs: { delta, logDecay, headAngles },
  attributes: { floor },
}: ReferenceCall<Dims, Inputs, "delta logDecay headAngles", Floor>): void {
  for (let i = 0; i < delta.length; i++) {
    const step = softplus(rawDelta[i] + deltaBias[i % heads]);
    delta[i] = step;
    logDecay[i] = -Math.max(rate(rawA[i]), floor) * step;
    const row = Math.floor(i / heads);
    headAngles.set(angles.subarray(row * pairs, (row + 1) * pairs), i * pairs);
  }
}

/** The same loop, with the sums in 64 bits. */
export function mamba3StepsBackwardReference({
  dims: { heads, pairs },
  inputs: { rawDelta, rawA, deltaBias, ddelta, dlogDecay, dheadAngles },
  outputs: { drawDelta, drawA, ddeltaBias, dangles },
  attributes: { floor },
}: ReferenceCall<
  Dims,
  `${Inputs} ddelta? dlogDecay? dheadAngles?`,
  "drawDelta drawA ddeltaBias dangles",
  Floor
>): void {
  const biases = new Float64Array(heads);
  for (let i = 0; i < drawDelta.length; i++) {
    const raw = rawDelta[i] + deltaBias[i % heads];
    const h = rate(rawA[i]);
    const decay = dlogDecay === undefined ? 0 : dlogDecay[i];
    const slope = 1 / (1 + Math.exp(-raw));
    const step = ((ddelta === undefined ? 0 : ddelta[i]) - decay * Math.max(h, floor)) * slope;
    drawDelta[i] = step;
    biases[i % heads] += step;
    drawA[i] = h < floor ? 0 : -decay * softplus(raw) * (rawA[i] < 0 ? h * h : 1);
  }
  ddeltaBias.set(biases);
  for (let i = 0; i < dangles.length; i++) {
    const [row, pair] = [Math.floor(i / pairs), i % pairs];
    let sum = 0;
    if (dheadAngles !== undefined) {
      for (let head = 0; head < heads; head++) sum += dheadAngles[(row * heads + head) * pairs + pair];
    }
    dangles[i] = sum;
  }
}

/** How fast a head forgets, before the floor. */
function rate(x: number): number {
  return x < 0 ? 1 / (1 - x) : 1 + x;
}
