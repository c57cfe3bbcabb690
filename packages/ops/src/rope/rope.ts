import { defineOp, type ReferenceCall, type Tensor } from "@elapid/tensor";

/**
 * Declaration of the rotation of channel pairs `i` and `i + pairs` of every head by the angle of their time:
 *
 *     y[i] = x[i] cos[t, i] - x[i + pairs] sin[t, i]
 *     y[i + pairs] = x[i + pairs] cos[t, i] + x[i] sin[t, i]      i < pairs
 *
 * The other channels pass. With `inverse` it turns back. Angles come as tables, for sines of large angles are not
 * exact on every device; they are constants, and no gradient flows to them.
 */
export const ropeOp = defineOp({
  name: "rope",
  inputs: { x: "batch time heads headDim", cos: "time pairs", sin: "time pairs" },
  outputs: { y: "batch time heads headDim" },
  attributes: { inverse: false },
  check: ({ headDim, pairs }) => {
    if (2 * pairs > headDim) {
      throw new RangeError(`Cannot run "rope": "headDim" is ${headDim} but at least ${2 * pairs} channels are turned`);
    }
  },
  reference: ropeReference,
  gradient: ({ inputs: { cos, sin }, grads: { y: dy }, attributes: { inverse } }) => ({
    x: dy && turn(dy, cos, sin, !inverse),
    cos: undefined,
    sin: undefined,
  }),
});

export const turn = (x: Tensor, cos: Tensor, sin: Tensor, inverse: boolean): Tensor =>
  ropeOp({ x, cos, sin }, { inverse }).y;

function ropeReference({
  dims: { batch, time, heads, headDim, pairs },
  inputs: { x, cos, sin },
  outputs: { y },
  attributes: { inverse },
}: ReferenceCall<"batch time heads headDim pairs", "x cos sin", "y", { readonly inverse: boolean }>): void {
  y.set(x);
  for (let row = 0; row < batch * time * heads; row++) {
    const at = row * headDim;
    const angle = (Math.floor(row / heads) % time) * pairs;
    for (let i = 0; i < pairs; i++) {
      const [a, b] = [x[at + i], x[at + pairs + i]];
      const c = cos[angle + i];
      const s = inverse ? -sin[angle + i] : sin[angle + i];
      y[at + i] = a * c - b * s;
      y[at + pairs + i] = b * c + a * s;
    }
  }
}

/** How `rope` turns. */
export interface RopeOptions {
  /** Channels of a head that are turned, an even number; the first ones. Default: all. */
  readonly rotaryDim?: number;
  /** Base of the wavelengths. Default 10000. */
  readonly theta?: number;
  /** Position of the first time step. Default 0. */
  readonly offset?: number;
}

/**
 * Rotary position embedding of "batch time heads headDim" (Su et al. 2021, in the layout of GPT-NeoX and Llama:
 * channel `i` pairs with `i + rotaryDim / 2`, both turned by `position · theta^(-2 i / rotaryDim)`).
 *
 * ```ts
 * const q = rope(queries, { theta: 10000, offset: cached });
 * ```
 *
 * @throws RangeError if `rotaryDim` is odd or more than `headDim`.
 */
export function rope(x: Tensor, options: RopeOptions = {}): Tensor {
  const { time, headDim } = x.dims("batch time heads headDim");
  const { rotaryDim = headDim, theta = 10_000, offset = 0 } = options;
  if (!(Number.isInteger(rotaryDim / 2) && rotaryDim >= 0)) {
    throw new RangeError(`Cannot run "rope": rotaryDim is ${rotaryDim} but an even number was needed`);
  }
  const pairs = rotaryDim / 2;
  const angles = Float64Array.from({ length: time * pairs }, (_, at) => {
    const position = offset + Math.floor(at / pairs);
    return position * theta ** ((-2 * (at % pairs)) / rotaryDim);
  });
  using cos = x.device.tensor(Float32Array.from(angles, Math.cos), [time, pairs]);
  using sin = x.device.tensor(Float32Array.from(angles, Math.sin), [time, pairs]);
  return turn(x, cos, sin, false);
}
