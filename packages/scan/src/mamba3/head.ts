import type { ReferenceCall } from "@elapid/tensor";

export type Mamba3Dims = "batch time heads headDim rank groups state pairs";

/** The inputs of `mamba3`, as `ReferenceCall` writes them. */
export type Mamba3Inputs =
  | "x B C logDecay delta trap angles BBias? CBias? D? z? xProjection? zProjection? yProjection? normWeight?"
  | "initialState? initialB? initialX? initialAngle? mask:i32? seqIdx:i32?";

export type Mamba3Attributes = {
  readonly rotation: string;
  readonly wrapAngles: boolean;
  readonly trapSigmoid: boolean;
  readonly normEps: number;
};

type Call = Pick<ReferenceCall<Mamba3Dims, Mamba3Inputs, "y", Mamba3Attributes>, "dims" | "inputs" | "attributes">;

/** What a head keeps of the last token, beside its state. */
export interface Last {
  readonly B: Float64Array; // rank state, rotated
  readonly x: Float64Array; // rank headDim, projected
  readonly theta: Float64Array; // pairs
}

/** What a head makes of a token: rotated, projected, its step size split. */
export interface Token extends Last {
  readonly C: Float64Array; // rank state, rotated
  readonly decay: number;
  /** How much of the step is the token's own; the rest is that of the last token. */
  readonly own: number;
}

/** What a head gives for a token, before ranks are summed. */
export interface Readout {
  readonly out: Float64Array; // rank headDim
  /** One over the root mean square of `out`, or 1 where nothing is normalised. */
  readonly scale: Float64Array; // rank
  readonly normalised: Float64Array; // rank headDim
  readonly gateInput: Float64Array; // rank headDim, empty without a gate
}

/** What the head starts a sequence from. */
export function startOf({ dims, inputs }: Call, b: number, head: number): Last & { readonly h: Float64Array } {
  const { heads, headDim, rank, state, pairs } = dims;
  const part = (initial: Float32Array | undefined, size: number) => {
    const from = (b * heads + head) * size;
    return initial === undefined ? new Float64Array(size) : Float64Array.from(initial.subarray(from, from + size));
  };
  return {
    h: part(inputs.initialState, headDim * state),
    B: part(inputs.initialB, rank * state),
    x: part(inputs.initialX, rank * headDim),
    theta: part(inputs.initialAngle, pairs),
  };
}

/** What a packed sequence starts from that is not the first. */
export function zeroStart({ dims: { headDim, rank, state, pairs } }: Call): Last & { readonly h: Float64Array } {
  return {
    h: new Float64Array(headDim * state),
    B: new Float64Array(rank * state),
    x: new Float64Array(rank * headDim),
    theta: new Float64Array(pairs),
  };
}

export function tokenOf({ dims, inputs, attributes }: Call, row: number, head: number, last: Last): Token {
  const { heads, headDim, rank, groups, state, pairs } = dims;
  const at = row * heads + head;
  const delta = inputs.delta[at];
  const theta = last.theta.map((before, i) => {
    const angle = before + Math.tanh(inputs.angles[at * pairs + i]) * Math.PI * delta;
    return attributes.wrapAngles ? angle - 2 * Math.PI * Math.floor(angle / (2 * Math.PI)) : angle;
  });
  const group = Math.floor(head / (heads / groups));
  const rotated = (vectors: Float32Array, bias: Float32Array | undefined) => {
    const values = Float64Array.from({ length: rank * state }, (_, i) => {
      const [r, n] = [Math.floor(i / state), i % state];
      const added = bias === undefined ? 0 : bias[(head * rank + r) * state + n];
      return vectors[((row * rank + r) * groups + group) * state + n] + added;
    });
    rotate(values, theta, state, attributes.rotation, 1);
    return values;
  };
  const x = Float64Array.from({ length: rank * headDim }, (_, i) => {
    const projection = inputs.xProjection === undefined ? 1 : inputs.xProjection[head * rank * headDim + i];
    return inputs.x[at * headDim + (i % headDim)] * projection;
  });
  return {
    B: rotated(inputs.B, inputs.BBias),
    C: rotated(inputs.C, inputs.CBias),
    x,
    theta,
    decay: Math.exp(inputs.logDecay[at]),
    own: attributes.trapSigmoid ? sigmoid(inputs.trap[at]) : inputs.trap[at],
  };
}

/** The state after the token, of the one before it. */
export function advance(
  { rank, headDim, state }: Call["dims"],
  h: Float64Array,
  last: Last,
  { B, x, decay, own }: Token,
  delta: number,
): Float64Array {
  const before = (1 - own) * delta * decay;
  const after = own * delta;
  return h.map((value, i) => {
    const [p, n] = [Math.floor(i / state), i % state];
    let sum = decay * value;
    for (let r = 0; r < rank; r++) {
      sum += before * last.x[r * headDim + p] * last.B[r * state + n];
      sum += after * x[r * headDim + p] * B[r * state + n];
    }
    return sum;
  });
}

/** The output of every rank: skip added, normalised; and what its gate is to be made of. */
export function readout(
  { dims, inputs, attributes }: Call,
  row: number,
  head: number,
  h: Float64Array,
  { C, x }: Token,
): Readout {
  const { heads, headDim, rank, state } = dims;
  const out = x.map((value, i) => {
    const [r, p] = [Math.floor(i / headDim), i % headDim];
    let sum = inputs.D === undefined ? 0 : inputs.D[head] * value;
    for (let n = 0; n < state; n++) sum += h[p * state + n] * C[r * state + n];
    return sum;
  });
  const { normWeight, z, zProjection } = inputs;
  const scale = new Float64Array(rank).fill(1);
  if (normWeight !== undefined) {
    for (let r = 0; r < rank; r++) {
      let squares = 0;
      for (let p = 0; p < headDim; p++) squares += out[r * headDim + p] ** 2;
      scale[r] = 1 / Math.sqrt(squares / headDim + attributes.normEps);
    }
  }
  const normalised = out.map((value, i) => {
    const weight = normWeight === undefined ? 1 : normWeight[head * headDim + (i % headDim)];
    return value * scale[Math.floor(i / headDim)] * weight;
  });
  const gateInput = Float64Array.from({ length: z === undefined ? 0 : out.length }, (_, i) => {
    const projection = zProjection === undefined ? 1 : zProjection[head * out.length + i];
    return z![(row * heads + head) * headDim + (i % headDim)] * projection;
  });
  return { out, scale, normalised, gateInput };
}

/** Turns the first pairs of every vector of `state` numbers by theta, or back with `direction` -1. */
export function rotate(
  vectors: Float64Array,
  theta: Float64Array,
  state: number,
  rotation: string,
  direction: 1 | -1,
): void {
  for (let from = 0; from < vectors.length; from += state) {
    theta.forEach((angle, i) => {
      const [first, second] = pairAt(i, state, rotation);
      const [cos, sin] = [Math.cos(angle), Math.sin(angle) * direction];
      const [re, im] = [vectors[from + first], vectors[from + second]];
      vectors[from + first] = re * cos - im * sin;
      vectors[from + second] = re * sin + im * cos;
    });
  }
}

/** Which two numbers of a vector are the pair `i`. */
export function pairAt(i: number, state: number, rotation: string): [first: number, second: number] {
  return rotation === "halved" ? [i, i + Math.floor(state / 2)] : [2 * i, 2 * i + 1];
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export function silu(x: number): number {
  return x * sigmoid(x);
}
