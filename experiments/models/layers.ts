import { Attention, GatedMlp, Gru, MambaMixer, Module, Rnn, S4D, type Init } from "@elapid/nn";
import { GatedS4D } from "./gated-s4d.ts";
import { SelectiveMixer } from "./selective-mixer.ts";
import type { Layer, LayerInput, LayerOf, LayerOutput } from "./sequence-model.ts";

export interface LayerSizes {
  readonly dModel: number;
  /** Numbers that a channel of a selective state-space model remembers. */
  readonly dState: number;
}

/** As many as S4D has where it was introduced; as a convolution they cost little. */
const S4D_STATES = 64;

/** The steps of the story from RNN to Mamba, each as a layer. */
export const layers = {
  rnn:
    ({ dModel }) =>
    (init) =>
      new Rnn({ dModel }, init) as Layer,
  gru:
    ({ dModel }) =>
    (init) =>
      new Gru({ dModel }, init) as Layer,
  s4d:
    ({ dModel }) =>
    (init) =>
      new S4DLayer(dModel, init),
  s6:
    ({ dModel, dState }) =>
    (init) =>
      new SelectiveMixer({ dModel, dState }, init),
  "s4d, gated":
    ({ dModel }) =>
    (init) =>
      new GatedS4D({ dModel, dState: S4D_STATES }, init),
  mamba:
    ({ dModel, dState }) =>
    (init) =>
      new MambaMixer({ dModel, dInner: 2 * dModel, dState, dConv: 4, dtRank: Math.ceil(dModel / 16) }, init) as Layer,
  attention:
    ({ dModel }) =>
    (init) =>
      new Attention({ dModel, nHeads: 2, rotaryDim: 0 }, init) as Layer,
  "attention, rotary":
    ({ dModel }) =>
    (init) =>
      new Attention({ dModel, nHeads: 2 }, init) as Layer,
} satisfies Readonly<Record<string, (sizes: LayerSizes) => LayerOf>>;

export type LayerKind = keyof typeof layers;

export interface StackSizes extends LayerSizes {
  /** Layers of Mamba; two of them have about as many parameters as one of attention and one MLP. */
  readonly depth: number;
}

/** What is compared at equal numbers of parameters, which hold at 64 channels and 16 states. */
export const stacks = {
  mamba: ({ depth, ...sizes }) => Array.from({ length: depth }, () => layers.mamba(sizes)),
  transformer: ({ depth, ...sizes }) => Array.from({ length: depth / 2 }, () => transformer(sizes)).flat(),
  hybrid: ({ depth, ...sizes }) => [
    ...Array.from({ length: depth / 2 }, () => layers.mamba(sizes)),
    ...Array.from({ length: depth / 4 }, () => transformer(sizes)).flat(),
  ],
} satisfies Readonly<Record<string, (sizes: StackSizes) => LayerOf[]>>;

export type StackKind = keyof typeof stacks;

function transformer(sizes: LayerSizes): LayerOf[] {
  return [layers["attention, rotary"](sizes), (init) => new MlpLayer(sizes.dModel, init)];
}

/** Looks at each step alone and remembers nothing. */
class MlpLayer extends Module implements Layer {
  readonly mlp: GatedMlp;

  constructor(dModel: number, init: Init) {
    super();
    this.mlp = new GatedMlp(dModel, 4 * dModel, init);
  }

  forward({ x }: LayerInput): LayerOutput {
    return { y: this.mlp.forward(x), state: {} };
  }
}

/** S4D: a convolution where a sequence begins, which trains; a recurrence where one goes on. */
class S4DLayer extends Module implements Layer {
  readonly s4d: S4D;

  constructor(dModel: number, init: Init) {
    super();
    this.s4d = new S4D({ dModel, dState: S4D_STATES }, init);
  }

  forward({ x, state }: LayerInput): LayerOutput {
    if (state === undefined) return { y: this.s4d.forward(x), state: {} };
    const { y, state: h } = this.s4d.recur({ x, state: state.h });
    return { y, state: { h } };
  }
}
