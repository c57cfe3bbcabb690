import { Attention, Gru, Mamba2Mixer, Mamba3Mixer, MambaMixer, Rnn, S4DMixer, type Init } from "@elapid/nn";
import type { KernelPart } from "./define.ts";
import type { Mixer } from "./mixer-model.ts";

/** What a block may say of its mixer, by kind; what it leaves out follows from the width of the model. */
export interface MixerSizes {
  readonly mamba: {
    readonly dInner?: number;
    readonly dState?: number;
    readonly dConv?: number;
    readonly dtRank?: number;
  };
  readonly mamba2: {
    readonly dInner?: number;
    readonly headDim?: number;
    readonly dState?: number;
    readonly nGroups?: number;
    readonly dConv?: number;
  };
  readonly mamba3: {
    readonly dInner?: number;
    readonly headDim?: number;
    readonly dState?: number;
    readonly nGroups?: number;
    readonly nAngles?: number;
    readonly mimoRank?: number;
  };
  readonly attention: {
    readonly nHeads?: number;
    readonly nKvHeads?: number;
    readonly headDim?: number;
    readonly rotaryDim?: number;
    readonly ropeTheta?: number;
  };
  readonly s4d: { readonly dState?: number };
  /** The state is as wide as the model. */
  readonly rnn: Readonly<Record<never, never>>;
  readonly gru: Readonly<Record<never, never>>;
}

/** The name of a kind of mixer. */
export type MixerKind = keyof MixerSizes;

/** What a kind of mixer is made of. */
interface Common {
  readonly dModel: number;
  /** How much smaller the last projection starts than by itself. */
  readonly outScale: number;
  readonly init: Init;
}

interface KindOfMixer<S> {
  /** Names of the sizes, each a whole number. */
  readonly sizes: readonly (keyof S & string)[];
  readonly parts: readonly KernelPart[];
  readonly make: (sizes: S, common: Common) => Mixer;
}

/** A kind of mixer for blocks: its name, its sizes, what it mixes by and how it is made. */
export const kindsOfMixers: { readonly [K in MixerKind]: KindOfMixer<MixerSizes[K]> } = {
  mamba: {
    sizes: ["dInner", "dState", "dConv", "dtRank"],
    parts: ["causal-conv1d", "selective-scan"],
    make: ({ dInner, dState = 16, dConv = 4, dtRank }, { dModel, outScale, init }) =>
      new MambaMixer(
        { dModel, outScale, dState, dConv, dInner: dInner ?? 2 * dModel, dtRank: dtRank ?? Math.ceil(dModel / 16) },
        init,
      ),
  },
  mamba2: {
    sizes: ["dInner", "headDim", "dState", "nGroups", "dConv"],
    parts: ["causal-conv1d", "ssd"],
    make: (sizes, { dModel, outScale, init }) => {
      const { dInner = 2 * dModel, dState = 64, nGroups = 1, dConv = 4 } = sizes;
      const { headDim, nHeads } = headsOf(dInner, sizes.headDim);
      return new Mamba2Mixer({ dModel, outScale, dInner, nHeads, headDim, dState, nGroups, dConv }, init);
    },
  },
  mamba3: {
    sizes: ["dInner", "headDim", "dState", "nGroups", "nAngles", "mimoRank"],
    parts: ["mamba3"],
    make: (sizes, { dModel, init }) => {
      const { dInner = 2 * dModel, dState = 64, nGroups = 1, nAngles = Math.floor(dState / 4), mimoRank } = sizes;
      const { headDim, nHeads } = headsOf(dInner, sizes.headDim);
      return new Mamba3Mixer({ dModel, nHeads, headDim, dState, nGroups, nAngles, mimoRank }, init);
    },
  },
  attention: {
    sizes: ["nHeads", "nKvHeads", "headDim", "rotaryDim", "ropeTheta"],
    parts: ["attention"],
    make: (sizes, { dModel, outScale, init }) => {
      const { nHeads = headsOf(dModel, sizes.headDim).nHeads, ...rest } = sizes;
      return new Attention({ dModel, outScale, nHeads, ...rest }, init);
    },
  },
  s4d: {
    sizes: ["dState"],
    parts: ["lti", "gelu"],
    make: (sizes, { dModel, init }) => new S4DMixer({ dModel, ...sizes }, init),
  },
  rnn: { sizes: [], parts: ["rnn"], make: (_, { dModel, init }) => new Rnn({ dModel }, init) },
  gru: { sizes: [], parts: ["gru"], make: (_, { dModel, init }) => new Gru({ dModel }, init) },
};

/** The names of all kinds. */
export const mixerKinds = Object.keys(kindsOfMixers) as readonly MixerKind[];

/** Makes a mixer of a kind. */
export function makeMixer<K extends MixerKind>(kind: K, sizes: MixerSizes[K], common: Common): Mixer {
  return kindsOfMixers[kind].make(sizes, common);
}

/** Heads of so many channels, by default 64 or the largest power of two below that divides them all. */
function headsOf(channels: number, headDim = [64, 32, 16, 8, 4, 2, 1].find((size) => channels % size === 0)!) {
  if (channels % headDim !== 0) {
    throw new RangeError(
      `Cannot make a mixer: headDim is ${headDim} but a divisor of its ${channels} channels was needed`,
    );
  }
  return { headDim, nHeads: channels / headDim };
}
