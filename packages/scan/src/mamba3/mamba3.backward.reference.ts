import type { ReferenceCall } from "@elapid/tensor";
import {
  advance,
  pairAt,
  readout,
  rotate,
  sigmoid,
  silu,
  startOf,
  tokenOf,
  zeroStart,
  type Last,
  type Mamba3Attributes,
  type Mamba3Dims,
  type Mamba3Inputs,
  type Token,
} from "./head.ts";

type Call = ReferenceCall<
  Mamba3Dims,
  Mamba3Inputs | "dy? dfinalState? dfinalB? dfinalX? dfinalAngle?",
  | "dx dB dC dlogDecay ddelta dtrap dangles dBBias dCBias dD dz dxProjection dzProjection dyProjection dnormWeight"
  | "dinitialState dinitialB dinitialX dinitialAngle",
  Mamba3Attributes
>;

/** A step that was taken, with what it started from and what it made. */
interface Step {
  readonly t: number;
  /** Whether a packed sequence begins, so that nothing comes from the step before. */
  readonly begins: boolean;
  readonly before: Float64Array;
  readonly last: Last;
  readonly token: Token;
  readonly after: Float64Array;
}

/** Gradients that gather contributions of several heads or steps, in 64 bits. */
type Sums = Readonly<
  Record<
    "B" | "C" | "BBias" | "CBias" | "D" | "xProjection" | "zProjection" | "yProjection" | "normWeight",
    Float64Array
  >
>;

/** Gradients of what is carried from step to step. */
interface Carried {
  readonly h: Float64Array;
  readonly B: Float64Array;
  readonly x: Float64Array;
  readonly theta: Float64Array;
}

/** Head by head: forward once to have every state, then backward through time. */
export function mamba3BackwardReference(call: Call): void {
  const { dims, outputs } = call;
  for (const name of ["dx", "dlogDecay", "ddelta", "dtrap", "dangles", "dz"] as const) outputs[name].fill(0);
  const sums: Sums = {
    B: new Float64Array(outputs.dB.length),
    C: new Float64Array(outputs.dC.length),
    BBias: new Float64Array(outputs.dBBias.length),
    CBias: new Float64Array(outputs.dCBias.length),
    D: new Float64Array(outputs.dD.length),
    xProjection: new Float64Array(outputs.dxProjection.length),
    zProjection: new Float64Array(outputs.dzProjection.length),
    yProjection: new Float64Array(outputs.dyProjection.length),
    normWeight: new Float64Array(outputs.dnormWeight.length),
  };
  for (let b = 0; b < dims.batch; b++) {
    for (let head = 0; head < dims.heads; head++) {
      let grads = gradientOfEnd(call, b, head);
      for (const step of forward(call, b, head).toReversed()) grads = stepBack(call, sums, b, head, step, grads);
      const unit = b * dims.heads + head;
      outputs.dinitialState.set(grads.h, unit * grads.h.length);
      outputs.dinitialB.set(grads.B, unit * grads.B.length);
      outputs.dinitialX.set(grads.x, unit * grads.x.length);
      outputs.dinitialAngle.set(grads.theta, unit * grads.theta.length);
    }
  }
  outputs.dB.set(sums.B);
  outputs.dC.set(sums.C);
  outputs.dBBias.set(sums.BBias);
  outputs.dCBias.set(sums.CBias);
  outputs.dD.set(sums.D);
  outputs.dxProjection.set(sums.xProjection);
  outputs.dzProjection.set(sums.zProjection);
  outputs.dyProjection.set(sums.yProjection);
  outputs.dnormWeight.set(sums.normWeight);
}

/** Every step of a head that is no padding. */
function forward(call: Call, b: number, head: number): Step[] {
  const { time, heads } = call.dims;
  const { delta, mask, seqIdx } = call.inputs;
  const steps: Step[] = [];
  const start = startOf(call, b, head);
  let before = start.h;
  let last: Last = start;
  let sequence: number | undefined;
  for (let t = 0; t < time; t++) {
    const row = b * time + t;
    if (mask !== undefined && mask[row] === 0) continue;
    const begins = seqIdx !== undefined && sequence !== undefined && seqIdx[row] !== sequence;
    sequence = seqIdx?.[row];
    if (begins) {
      const zero = zeroStart(call);
      before = zero.h;
      last = zero;
    }
    const token = tokenOf(call, row, head, last);
    const after = advance(call.dims, before, last, token, delta[row * heads + head]);
    steps.push({ t, begins, before, last, token, after });
    before = after;
    last = token;
  }
  return steps;
}

function gradientOfEnd({ dims, inputs }: Call, b: number, head: number): Carried {
  const { heads, headDim, rank, state, pairs } = dims;
  const part = (gradient: Float32Array | undefined, size: number) => {
    const from = (b * heads + head) * size;
    return gradient === undefined ? new Float64Array(size) : Float64Array.from(gradient.subarray(from, from + size));
  };
  return {
    h: part(inputs.dfinalState, headDim * state),
    B: part(inputs.dfinalB, rank * state),
    x: part(inputs.dfinalX, rank * headDim),
    theta: part(inputs.dfinalAngle, pairs),
  };
}

/** Takes the gradients of what a step made to those of what it started from; changes `grads`. */
function stepBack(call: Call, sums: Sums, b: number, head: number, step: Step, grads: Carried): Carried {
  const { dims, inputs, outputs, attributes } = call;
  const { time, heads, headDim, rank, groups, state, pairs } = dims;
  const { t, begins, before, last, token, after } = step;
  const row = b * time + t;
  const at = row * heads + head;
  const dC = new Float64Array(rank * state);
  const dout = outputBack(call, sums, row, head, step);
  for (let r = 0; r < rank; r++) {
    for (let p = 0; p < headDim; p++) {
      const i = r * headDim + p;
      sums.D[head] += dout[i] * token.x[i];
      grads.x[i] += dout[i] * (inputs.D === undefined ? 0 : inputs.D[head]);
      for (let n = 0; n < state; n++) {
        dC[r * state + n] += dout[i] * after[p * state + n];
        grads.h[p * state + n] += dout[i] * token.C[r * state + n];
      }
    }
  }

  const delta = inputs.delta[at];
  const { own, decay } = token;
  const [weightLast, weightOwn] = [(1 - own) * delta * decay, own * delta];
  const earlier: Carried = {
    h: new Float64Array(headDim * state),
    B: new Float64Array(rank * state),
    x: new Float64Array(rank * headDim),
    theta: grads.theta,
  };
  let [dweightLast, dweightOwn, ddecay] = [0, 0, 0];
  for (let p = 0; p < headDim; p++) {
    for (let n = 0; n < state; n++) {
      const g = grads.h[p * state + n];
      ddecay += g * before[p * state + n];
      earlier.h[p * state + n] = g * decay;
      for (let r = 0; r < rank; r++) {
        const [i, j] = [r * headDim + p, r * state + n];
        dweightLast += g * last.x[i] * last.B[j];
        dweightOwn += g * token.x[i] * token.B[j];
        earlier.x[i] += weightLast * g * last.B[j];
        earlier.B[j] += weightLast * g * last.x[i];
        grads.x[i] += weightOwn * g * token.B[j];
        grads.B[j] += weightOwn * g * token.x[i];
      }
    }
  }
  const down = dweightOwn * delta - dweightLast * delta * decay;
  outputs.dtrap[at] = attributes.trapSigmoid ? down * own * (1 - own) : down;
  outputs.dlogDecay[at] = (ddecay + dweightLast * (1 - own) * delta) * decay;
  let ddelta = dweightOwn * own + dweightLast * (1 - own) * decay;

  for (const [rotated, gradient] of [
    [token.B, grads.B],
    [token.C, dC],
  ]) {
    for (let from = 0; from < rotated.length; from += state) {
      for (let i = 0; i < pairs; i++) {
        const [first, second] = pairAt(i, state, attributes.rotation);
        earlier.theta[i] +=
          gradient[from + second] * rotated[from + first] - gradient[from + first] * rotated[from + second];
      }
    }
    rotate(gradient, token.theta, state, attributes.rotation, -1);
  }
  const group = Math.floor(head / (heads / groups));
  for (let j = 0; j < rank * state; j++) {
    const [r, n] = [Math.floor(j / state), j % state];
    const vector = ((row * rank + r) * groups + group) * state + n;
    sums.B[vector] += grads.B[j];
    sums.C[vector] += dC[j];
    sums.BBias[head * rank * state + j] += grads.B[j];
    sums.CBias[head * rank * state + j] += dC[j];
  }
  for (let i = 0; i < pairs; i++) {
    const turn = Math.tanh(inputs.angles[at * pairs + i]);
    outputs.dangles[at * pairs + i] = earlier.theta[i] * Math.PI * delta * (1 - turn * turn);
    ddelta += earlier.theta[i] * Math.PI * turn;
  }
  outputs.ddelta[at] = ddelta;
  for (let p = 0; p < headDim; p++) {
    const channel = at * headDim + p;
    let dx = 0;
    for (let r = 0; r < rank; r++) {
      const i = r * headDim + p;
      const projected = head * rank * headDim + i;
      dx += grads.x[i] * (inputs.xProjection === undefined ? 1 : inputs.xProjection[projected]);
      sums.xProjection[projected] += grads.x[i] * inputs.x[channel];
    }
    outputs.dx[channel] = dx;
  }
  if (begins) for (const gradient of Object.values(earlier)) gradient.fill(0);
  return earlier;
}

/** The gradient of every rank's output before it is normalised; adds to those of norm, gate and projections. */
function outputBack(call: Call, sums: Sums, row: number, head: number, { token, after }: Step): Float64Array {
  const { dims, inputs, outputs } = call;
  const { heads, headDim, rank } = dims;
  const { z, zProjection, yProjection, normWeight, dy } = inputs;
  const { out, scale, normalised, gateInput } = readout(call, row, head, after, token);
  const dout = new Float64Array(rank * headDim);
  for (let p = 0; p < headDim; p++) {
    const channel = (row * heads + head) * headDim + p;
    const upstream = dy === undefined ? 0 : dy[channel];
    let dz = 0;
    for (let r = 0; r < rank; r++) {
      const i = r * headDim + p;
      const projected = head * rank * headDim + i;
      const gate = z === undefined ? 1 : silu(gateInput[i]);
      const projection = yProjection === undefined ? 1 : yProjection[projected];
      sums.yProjection[projected] += upstream * normalised[i] * gate;
      dout[i] = upstream * gate * projection;
      if (z === undefined) continue;
      const dgateInput = upstream * normalised[i] * projection * siluSlope(gateInput[i]);
      dz += dgateInput * (zProjection === undefined ? 1 : zProjection[projected]);
      sums.zProjection[projected] += dgateInput * z[channel];
    }
    outputs.dz[channel] = dz;
  }
  if (normWeight === undefined) return dout;
  for (let r = 0; r < rank; r++) {
    let along = 0; // mean of dscaled · scaled
    for (let p = 0; p < headDim; p++) {
      const i = r * headDim + p;
      const scaled = out[i] * scale[r];
      sums.normWeight[head * headDim + p] += dout[i] * scaled;
      dout[i] *= normWeight[head * headDim + p];
      along += (dout[i] * scaled) / headDim;
    }
    for (let p = 0; p < headDim; p++) {
      const i = r * headDim + p;
      dout[i] = scale[r] * (dout[i] - out[i] * scale[r] * along);
    }
  }
  return dout;
}

function siluSlope(x: number): number {
  const s = sigmoid(x);
  return s * (1 + x * (1 - s));
}
