import { attentionPlaces, embedding, ropeAngles, ropeDigits, ropeDigitsShape } from "@elapid/ops";
import { concat, type Tensor } from "@elapid/tensor";
import { normal, type Init } from "./init.ts";
import { Module } from "./module.ts";

export interface PositionEmbeddingConfig {
  readonly dModel: number;
  /** Positions that have a learned vector each; beyond them it is NaN. Default: none, vectors are sines and cosines. */
  readonly maxPositions?: number | undefined;
}

/** What it carries from one token to the next. */
export type PositionEmbeddingState = {
  /** The position of the next token, and a number without meaning here; see `attentionPlaces` of @elapid/ops. */
  readonly seen: Tensor; // batch 2
};

export interface PositionEmbeddingInput {
  readonly x: Tensor; // batch time model
  readonly state?: PositionEmbeddingState | undefined;
  /** Integers, 0 where a step is padding: it takes no position. */
  readonly mask?: Tensor | undefined; // batch time
  /** Integers, numbers of packed sequences, each of which begins at position 0. */
  readonly seqIdx?: Tensor | undefined; // batch time
}

/** Of the size that vectors of tokens have at the start, 0.02. */
const SIZE = 0.02 * Math.SQRT2;

/**
 * Adds a vector of its position to each token: learned, or the cosines and sines of wavelengths from 2π to 20000π (Vaswani et al. 2017,
 * section 3.5, cosines first, as large as vectors of tokens start), which know positions up to 2^24.
 *
 * @throws RangeError if `dModel` is odd and vectors are not learned.
 */
export class PositionEmbedding extends Module {
  readonly weight: Tensor | undefined; // positions model
  readonly #tables: { readonly cos: Float32Array; readonly sin: Float32Array } | undefined;
  readonly #pairs: number;

  constructor({ dModel, maxPositions }: PositionEmbeddingConfig, init: Init) {
    super();
    this.#pairs = dModel / 2;
    if (maxPositions !== undefined) this.weight = init([maxPositions, dModel], normal(0.02), "matrix");
    else if (Number.isInteger(this.#pairs)) this.#tables = scaled(ropeDigits(this.#pairs));
    else throw new RangeError(`Cannot make a position embedding: dModel is ${dModel} but an even number was needed`);
  }

  forward({ x, state, mask, seqIdx }: PositionEmbeddingInput): {
    readonly y: Tensor;
    readonly state: PositionEmbeddingState;
  } {
    const { batch, time } = x.dims("batch time model");
    const seen = state?.seen ?? x.device.zeros([batch, 2]);
    const { position, next } = attentionPlaces({ seen, mask, seqIdx }, { time });
    return { y: x.add(this.#vectors(position)), state: { seen: next.slice(1, 0, 2) } };
  }

  #vectors(position: Tensor): Tensor {
    if (this.#tables === undefined) return embedding(position, this.weight!);
    const { device, shape } = position;
    const table = (values: Float32Array) => device.tensor(values, ropeDigitsShape(this.#pairs));
    const { cos, sin } = ropeAngles({
      position,
      cosDigits: table(this.#tables.cos),
      sinDigits: table(this.#tables.sin),
    });
    return concat([cos, sin], shape.length);
  }
}

/** Turns whose products have size `SIZE`: those of the lowest digits, which come first, are made so large. */
function scaled({ cos, sin }: ReturnType<typeof ropeDigits>) {
  const lowest = cos.length / ropeDigitsShape(1)[0];
  const scale = (values: Float32Array) => values.map((value, i) => (i < lowest ? SIZE * value : value));
  return { cos: scale(cos), sin: scale(sin) };
}
