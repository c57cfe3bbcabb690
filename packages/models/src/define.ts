import type { Init, Module } from "@elapid/nn";
import type { OpsPart } from "@elapid/ops";
import type { ScanName } from "@elapid/scan";
import type { Tensor } from "@elapid/tensor";
import type { ConfigReader } from "./config.ts";

/** The tensors that one layer carries from token to token, by name; a layer without a state has none. */
export type LayerState = Readonly<Record<string, Tensor>>;

export interface ForwardOptions {
  /** What the layers carried out of the tokens before. Default: the start of a sequence. */
  readonly layers?: readonly LayerState[] | undefined;
  /** Integers `batch time`, 0 where a token is padding: it changes no state. */
  readonly mask?: Tensor | undefined;
  /** Integers `batch time`, numbers of packed sequences: one begins, with states of its own, wherever the number changes. */
  readonly seqIdx?: Tensor | undefined;
  /** In a gradient, each layer is computed a second time on the way back instead of being kept. Default `false`. */
  readonly recompute?: boolean | undefined;
  /** Positions whose logits are wanted. Default `"all"`; `"none"` leaves the output head out. */
  readonly logits?: "all" | "last" | "none";
  /** Whether states are wanted; some layers compute faster without, and none are given. Default `true`. */
  readonly states?: boolean | undefined;
  /** Given `embed`, `layer.0`, …, `final_norm`, the residual stream on its way; the receiver owns the tensors. */
  readonly onHidden?: ((name: string, tensor: Tensor) => void) | undefined;
}

export interface ForwardResult {
  /** `batch time vocab`, or `batch 1 vocab`; absent if no logits were asked for. */
  readonly logits: Tensor | undefined;
  readonly layers: readonly LayerState[];
}

/** A model of the next token. It is a function: state goes in and comes out, and nothing else changes. */
export interface CausalModel extends Module {
  readonly vocabSize: number;
  /** Tokens, integers `batch time`, to logits and the state after them. */
  forward(ids: Tensor, options?: ForwardOptions): ForwardResult;
  /** Computes once what follows from parameters alone; for one that is assigned to later, it is computed each time again. */
  freeze(): void;
}

/** What layers mix by: the names under which a device loads the kernels for it. */
export type KernelPart = ScanName | OpsPart;

/** One architecture: how its config reads, how it is built, and how its checkpoints name what it holds. */
export interface Architecture {
  /** The name that the outside world uses: `model_type` of a `config.json`. */
  readonly type: string;
  /** Reads the config and returns what builds the model. */
  readonly configure: (config: ConfigReader) => (init: Init) => CausalModel;
  /** What its layers mix by: a device that is opened for it has kernels of these. */
  readonly parts: (config: ConfigReader) => readonly KernelPart[];
  /** Segments of checkpoint names that differ from our field names by more than snake_case: `dt_proj: "deltaProj"`. */
  readonly names: Readonly<Record<string, string>>;
  /** Tensors that a checkpoint may hold beside the parameters, such as a tied head. */
  readonly ignored?: readonly string[];
}

/** Declares an architecture; see `mamba.ts` for one in full. */
export function defineModel<C>(definition: {
  readonly type: string;
  readonly config: (json: ConfigReader) => C;
  readonly build: (config: C, init: Init) => CausalModel;
  /** What its layers mix by, where it depends on the config a function of that. */
  readonly scans: readonly KernelPart[] | ((config: C) => readonly KernelPart[]);
  readonly names: Readonly<Record<string, string>>;
  readonly ignored?: readonly string[];
}): Architecture {
  const { type, config, build, scans, names, ignored } = definition;
  return {
    type,
    parts: (json) => (typeof scans === "function" ? scans(config(json)) : scans),
    names,
    ...(ignored && { ignored }),
    configure: (json) => {
      const parsed = config(json);
      return (init) => build(parsed, init);
    },
  };
}

/** Our path of a parameter as the checkpoint spells it: `layers.0.mixer.deltaProj.bias` is `layers.0.mixer.dt_proj.bias`. */
export function checkpointName(path: string, names: Architecture["names"]): string {
  const theirs = new Map(Object.entries(names).map(([their, our]) => [our, their]));
  return path
    .split(".")
    .map((segment) => theirs.get(segment) ?? snakeCase(segment))
    .join(".");
}

export function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
