import { PositionEmbedding, type Init } from "@elapid/nn";
import { closest } from "fastest-levenshtein";
import { kindsOfMixers, makeMixer, mixerKinds, type MixerKind, type MixerSizes } from "./blocks.ts";
import { readConfig, type ConfigReader } from "./config.ts";
import { defineModel, snakeCase, type KernelPart } from "./define.ts";
import { MAX_LAYERS, MixerModel } from "./mixer-model.ts";

/** A mixer with the sizes that follow from the width of the model, or with those given; and an MLP after it. */
export type Block = MixerKind | { [K in MixerKind]: BlockOf<K> }[MixerKind];

type BlockOf<K extends MixerKind> = MixerSizes[K] & {
  readonly kind: K;
  /** Width of a gated MLP after the mixer; 0 for none. Default: that of the model. */
  readonly dIntermediate?: number;
};

/** A language model as a list of blocks. */
export interface LanguageModelConfig {
  readonly vocabSize: number;
  readonly dModel: number;
  readonly blocks: readonly Block[];
  /** Width of a gated MLP after each mixer; 0 for none. Default 0. */
  readonly dIntermediate?: number;
  /** Default `"rms"`. */
  readonly norm?: "rms" | "layer";
  /** Default 1e-5. */
  readonly normEps?: number;
  /** The output head is the embedding. Default `true`. */
  readonly tied?: boolean;
  /** What tells tokens where they stand, before the first block. Attention also turns by position on its own. Default `"none"`. */
  readonly positions?: "none" | "sinusoidal" | "learned";
  /** How many positions are learned; beyond them logits are NaN. Default 2048. */
  readonly maxPositions?: number;
}

/**
 * A language model of the blocks named: Mamba of three kinds, attention, S4D, RNN and GRU, in any order.
 *
 * ```ts
 * const model = languageModel({ vocabSize: 256, dModel: 128, blocks: ["mamba", "mamba", "attention"] }, seeded(device, 7));
 * const transformer = { kind: "attention", nHeads: 4, nKvHeads: 2, dIntermediate: 512 } as const;
 * const other = languageModel({ vocabSize: 256, dModel: 128, blocks: Array(6).fill(transformer) }, seeded(device, 7));
 * ```
 *
 * Blocks are residual: `x + mixer(norm(x))`, and with an MLP `x + mlp(norm(x))` after that.
 *
 * @throws RangeError if sizes do not fit each other.
 */
export function languageModel(config: LanguageModelConfig, init: Init): MixerModel {
  const { vocabSize, dModel, norm = "rms", normEps = 1e-5, tied = true, positions = "none" } = config;
  const maxPositions = positions === "learned" ? (config.maxPositions ?? 2048) : undefined;
  const blocks = config.blocks.map(whole);
  const stack = {
    ...{ vocabSize, dModel, norm, normEps, tied },
    nLayers: blocks.length,
    dIntermediate: blocks.map(({ dIntermediate = config.dIntermediate ?? 0 }) => dIntermediate),
    position: positions === "none" ? undefined : (init: Init) => new PositionEmbedding({ dModel, maxPositions }, init),
  };
  const outScale = blocks.length ** -0.5;
  return new MixerModel(stack, init, (init, layer) => {
    const { kind, dIntermediate: _, ...sizes } = blocks[layer];
    return makeMixer(kind, sizes, { dModel, outScale, init });
  });
}

/** A block that is named by its kind, as an object. */
function whole(block: Block): Exclude<Block, string> {
  return typeof block === "string" ? { kind: block } : block;
}

/** The `config.json` of such a model, for `load` to build it again. */
export function languageModelConfig(config: LanguageModelConfig): Readonly<Record<string, unknown>> {
  const { vocabSize, dModel, blocks, dIntermediate = 0, norm = "rms", normEps = 1e-5, tied = true } = config;
  const { positions = "none", maxPositions = 2048 } = config;
  return {
    model_type: "elapid",
    vocab_size: vocabSize,
    hidden_size: dModel,
    blocks: blocks.map((block) =>
      typeof block === "string"
        ? block
        : Object.fromEntries(Object.entries(block).map(([name, value]) => [snakeCase(name), value])),
    ),
    d_intermediate: dIntermediate,
    norm,
    norm_eps: normEps,
    tie_word_embeddings: tied,
    positions,
    ...(positions === "learned" && { max_position_embeddings: maxPositions }),
  };
}

/** `model_type: "elapid"`: a list of blocks. */
export const elapid = defineModel({
  type: "elapid",
  config: (json): LanguageModelConfig => ({
    vocabSize: json.int("vocab_size"),
    dModel: json.int("hidden_size"),
    blocks: blocksOf(json),
    dIntermediate: json.int("d_intermediate", { fallback: 0, min: 0 }),
    norm: json.oneOf("norm", ["rms", "layer"], "rms"),
    normEps: json.positive("norm_eps", 1e-5),
    tied: json.flag("tie_word_embeddings", true),
    positions: json.oneOf("positions", ["none", "sinusoidal", "learned"], "none"),
    maxPositions: json.int("max_position_embeddings", { fallback: 2048 }),
  }),
  build: languageModel,
  scans: ({ blocks, positions }) => {
    const parts = new Set<KernelPart>(blocks.flatMap((block) => kindsOfMixers[whole(block).kind].parts));
    if (positions !== "none") parts.add("attention"); // which counts tokens too
    return [...parts];
  },
  names: { dt_proj: "deltaProj", A_log: "logA" },
  ignored: ["lm_head.weight"],
});

function blocksOf(json: ConfigReader): readonly Block[] {
  const list = json.raw("blocks");
  if (!Array.isArray(list) || list.length > MAX_LAYERS) {
    throw new TypeError(`Cannot read "config.json": "blocks" must be a list of at most ${MAX_LAYERS} blocks`);
  }
  return list.map((block, i) => {
    const path = `blocks[${i}]`;
    if (typeof block === "string") return kindOf(block, path);
    const reader = readConfig(block, "config.json", `${path}.`);
    const kind = kindOf(reader.raw("kind"), `${path}.kind`);
    const names: readonly string[] = [...kindsOfMixers[kind].sizes, "dIntermediate"];
    const known = ["kind", ...names.map(snakeCase)];
    const sizes = Object.keys(block as object).flatMap((field) => {
      if (!known.includes(field)) {
        throw new TypeError(
          `Cannot read "config.json": "${path}" of kind "${kind}" has no size "${field}"; the nearest is "${closest(field, known)}"`,
        );
      }
      return field === "kind" ? [] : [[names[known.indexOf(field) - 1], reader.int(field, { min: 0 })]];
    });
    return { kind, ...Object.fromEntries(sizes) } as Block;
  });
}

function kindOf(value: unknown, path: string): MixerKind {
  const kind = mixerKinds.find((known) => known === value);
  if (kind !== undefined) return kind;
  const known = mixerKinds.map((name) => `"${name}"`).join(", ");
  throw new TypeError(
    `Cannot read "config.json": "${path}" is ${JSON.stringify(value)} but one of ${known} was needed`,
  );
}
