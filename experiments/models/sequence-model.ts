import { Embedding, Linear, Module, normal, RmsNorm, type Init } from "@elapid/nn";
import { scanSum } from "@elapid/scan";
import type { Tensor } from "@elapid/tensor";
import type { Layers, NextTokenModel, NextTokenOptions } from "@elapid/train";
import { sinusoids } from "./sinusoids.ts";

/** What a layer carries from one piece of a sequence to the next. */
export type Carried = Readonly<Record<string, Tensor>>;

export interface LayerInput {
  readonly x: Tensor; // batch time model
  readonly state?: Carried | undefined;
}

export interface LayerOutput {
  readonly y: Tensor; // batch time model
  readonly state: Carried;
}

/** Moves information from step to step. */
export interface Layer extends Module {
  forward(input: LayerInput): LayerOutput;
}

/** Makes a layer. */
export type LayerOf = (init: Init) => Layer;

class Block extends Module {
  readonly norm: RmsNorm;
  readonly layer: Layer;

  constructor(dModel: number, init: Init, layer: LayerOf) {
    super();
    this.norm = new RmsNorm(dModel, init);
    this.layer = layer(init);
  }
}

export interface SequenceModelConfig {
  readonly dModel: number;
  /** Kinds of tokens, or `"signal"` for one number a step. */
  readonly input: number | "signal";
  /** Kinds of answers. */
  readonly outputs: number;
  readonly layers: readonly LayerOf[];
  /** Adds sines and cosines of the position to the input (Vaswani et al. 2017). Default `false`. */
  readonly positions?: boolean;
  /** Answers from the mean of all steps so far instead of from the step alone. Default `false`. */
  readonly pooled?: boolean;
}

/**
 * Layers of any kinds, each after a norm and added to the residual stream, between an embedding and a head that share nothing.
 * Embeddings start with deviation 1 rather than the 0.02 of language models: with few tokens and little training it learns
 * several times as fast.
 */
export class SequenceModel extends Module implements NextTokenModel {
  readonly embedding: Embedding | Linear;
  readonly blocks: readonly Block[];
  readonly normF: RmsNorm;
  readonly head: Linear;
  readonly #positions: boolean;
  readonly #pooled: boolean;

  constructor({ dModel, input, outputs, layers, positions = false, pooled = false }: SequenceModelConfig, init: Init) {
    super();
    const wide: Init = (shape) => init(shape, normal(1), "matrix");
    this.embedding =
      input === "signal" ? new Linear(1, dModel, init, { bias: true }) : new Embedding(input, dModel, wide);
    this.blocks = layers.map((layer) => new Block(dModel, init, layer));
    this.normF = new RmsNorm(dModel, init);
    this.head = new Linear(dModel, outputs, init);
    this.#positions = positions;
    this.#pooled = pooled;
  }

  /** `layers` is what the pieces before were left with; with `last`, only the last step is answered. */
  forward(
    input: Tensor,
    { layers: carried, last = false }: NextTokenOptions & { readonly last?: boolean } = {},
  ): { readonly logits: Tensor; readonly layers: Layers } {
    const { device } = input;
    using scope = device.scope();
    const { batch, time } = input.dims("batch time");
    let x =
      this.embedding instanceof Linear
        ? this.embedding.forward(input.reshape([batch, time, 1]))
        : this.embedding.forward(input);
    if (this.#positions) x = x.add(device.tensor(sinusoids(time, x.shape[2]), [time, x.shape[2]]));
    const layers = this.blocks.map(({ norm, layer }, i) => {
      using inner = device.scope();
      const { y, state } = layer.forward({ x: norm.forward(x), state: carried?.[i] });
      x = inner.keep(x.add(y));
      for (const tensor of Object.values(state)) scope.keep(inner.keep(tensor));
      return state;
    });
    if (this.#pooled) x = sumSoFar(x);
    const wanted = last ? x.slice(1, time - 1, time) : x;
    return { logits: scope.keep(this.head.forward(this.normF.forward(wanted))), layers };
  }
}

/** The sum over the steps so far; the norm that follows makes a mean of it. */
function sumSoFar(x: Tensor): Tensor {
  return scanSum(x, { axis: 1 });
}
