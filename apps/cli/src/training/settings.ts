import { readFile } from "node:fs/promises";
import { mixerKinds, type Block } from "@elapid/models";
import { choice, flag, number, text, texts, UsageError, type Args, type Option, type Options } from "../command.ts";
import { optimiserKinds, type OptimiserKind } from "./optimiser.ts";

/** What settles a run: the same settings and data give the same model. Saved beside its checkpoint. */
export interface Settings {
  readonly data: readonly string[];
  readonly kind: "mamba" | "mamba2";
  readonly dModel: number;
  readonly layers: number;
  readonly dState: number;
  readonly headDim: number;
  /** The layers one by one, instead of `layers` of one `kind`. */
  readonly blocks?: readonly Block[];
  readonly dIntermediate: number;
  readonly positions: "none" | "sinusoidal" | "learned";
  readonly tokenizer: string;
  readonly vocab: number;
  readonly steps: number;
  /** Settles `steps`, when the first few have shown how long one takes. */
  readonly minutes: number | undefined;
  readonly batch: number;
  readonly time: number;
  readonly accumulate: number;
  readonly optimiser: OptimiserKind;
  readonly lr: number;
  readonly schedule: "cosine" | "linear" | "wsd";
  readonly warmup: number;
  readonly weightDecay: number;
  readonly clipNorm: number;
  /** What a moving average of the parameters keeps at each step; with one, it is the model. 0: none. */
  readonly ema: number;
  readonly evalSplit: number;
  readonly evalEvery: number;
  readonly saveEvery: number;
  readonly patience: number | undefined;
  /** Documents of a window begin with a state of their own. */
  readonly pack: "reset" | "joined";
  /** Rows read on where they were, with the state that they had. */
  readonly carry: "on" | "off";
  readonly recompute: "on" | "off";
  readonly separator: string;
  readonly field: string;
  readonly seed: number;
}

const count = { min: 1, whole: true };

const blocks: Option<readonly string[] | undefined> = {
  value: "kinds",
  summary: `layers one by one instead, "mamba*3,attention"; of ${mixerKinds.join(", ")}`,
  default: undefined,
  parse: (given) =>
    given.split(",").flatMap((word) => {
      const [, name, times = "1"] = /^\s*(\w+?)(?:\*(\d{1,4}))?\s*$/.exec(word) ?? [];
      const kind = mixerKinds.find((known) => known === name);
      if (kind === undefined) throw new UsageError(`"${word}" is none of ${mixerKinds.join(", ")}`);
      return Array<string>(Number(times)).fill(kind);
    }),
};

/** Options that settle a run; `--config` may give them too, under the names of {@link Settings}. */
export const settingOptions = {
  data: texts("file", "text file, .txt, .jsonl or either with .gz; may be given more than once"),
  kind: choice(["mamba", "mamba2"], "architecture (default: mamba)"),
  dModel: number("n", "width of the model (default: 256)", count),
  layers: number("n", "layers (default: 4)", count),
  dState: number("n", "width of the state of a channel (default: 16, mamba2: 64)", count),
  headDim: number("n", "channels of a head of mamba2 (default: 64, or what divides the width)", count),
  blocks,
  dIntermediate: number("n", "width of a gated MLP after each of the blocks (default: 0, none)", {
    min: 0,
    whole: true,
  }),
  positions: choice(["none", "sinusoidal", "learned"], "what tells blocks where a token stands (default: none)"),
  tokenizer: text("folder|bytes|train", "tokenizer.json to use, bytes alone, or a new one (default: train)"),
  vocab: number("n", "tokens of a new tokenizer at most (default: 4096)", { min: 257, whole: true }),
  steps: number("n", "steps (default: 1000)", count),
  minutes: number("n", "about how long to train, instead of steps", { min: 0 }),
  batch: number("n", "sequences in a batch (default: 8)", count),
  time: number("n", "tokens in a sequence (default: 256)", count),
  accumulate: number("n", "batches in a step (default: 1)", count),
  optimiser: choice(optimiserKinds, "what takes the steps; lion wants a third of the rate or less (default: adamw)"),
  lr: number("rate", "largest learning rate (default: 0.003)", { min: 0 }),
  schedule: choice(["cosine", "linear", "wsd"], "how the learning rate goes down (default: cosine)"),
  warmup: number("n", "steps in which it goes up (default: 20)", { min: 0, whole: true }),
  weightDecay: number("rate", "weight decay of matrices (default: 0.1)", { min: 0 }),
  clipNorm: number("norm", "gradients are scaled down to this norm (default: 1)", { min: 0 }),
  ema: number("share", "keep a moving average, so much of it at each step, as the model (default: 0, none)", {
    min: 0,
  }),
  evalSplit: number("share", "share of the tokens, the last, to evaluate on (default: 0.05; 0 for none)", { min: 0 }),
  evalEvery: number("n", "steps between evaluations (default: 100)", count),
  saveEvery: number("n", "steps between checkpoints (default: 100)", count),
  patience: number("n", "stop after so many evaluations without a better one", count),
  pack: choice(["reset", "joined"], "whether a document begins with a fresh state (default: reset)"),
  carry: choice(["on", "off"], "read on in order, with the state of the batch before (default: off)"),
  recompute: choice(["on", "off"], "compute layers twice instead of keeping them (default: off)"),
  separator: text("text", "what stands between documents of a text file (default: <|endoftext|>)"),
  field: text("name", "field of a JSON line that has the text (default: text)"),
  seed: number("n", "settles the first weights and the order of the data (default: 0)", { min: 0, whole: true }),
} satisfies Options;

/** Everything that may be given, and whether it was. */
export type GivenSettings = Args<typeof settingOptions>["values"];

const defaults = {
  kind: "mamba" as const,
  dModel: 256,
  layers: 4,
  dIntermediate: 0,
  positions: "none" as const,
  tokenizer: "train",
  vocab: 4096,
  steps: 1000,
  minutes: undefined,
  batch: 8,
  time: 256,
  accumulate: 1,
  optimiser: "adamw" as const,
  lr: 0.003,
  schedule: "cosine" as const,
  warmup: 20,
  weightDecay: 0.1,
  clipNorm: 1,
  ema: 0,
  evalSplit: 0.05,
  evalEvery: 100,
  saveEvery: 100,
  patience: undefined,
  pack: "reset" as const,
  carry: "off" as const,
  recompute: "off" as const,
  separator: "<|endoftext|>",
  field: "text",
  seed: 0,
};

/** What was given on the command line, over what a config file says, over the defaults. */
export async function resolveSettings(given: GivenSettings, config: string | undefined): Promise<Settings> {
  const fromFile = config === undefined ? {} : await readSettings(config);
  const chosen = Object.fromEntries(givenNames(given).map((name) => [name, given[name]]));
  const { data = [], ...rest } = { ...fromFile, ...chosen } as Partial<Settings>;
  if (data.length === 0) throw new UsageError('nothing to learn from; give --data, or "data" in the config');
  const merged = { ...defaults, ...rest, data };
  if (rest.steps !== undefined && rest.minutes !== undefined)
    throw new UsageError("give --steps or --minutes, not both");
  if (!(merged.evalSplit < 1))
    throw new UsageError(`--eval-split is ${merged.evalSplit} but a share below 1 is needed`);
  if (!(merged.ema < 1)) throw new UsageError(`--ema is ${merged.ema} but a share below 1 is needed`);
  checkBlocks(merged, rest);
  const dInner = 2 * merged.dModel;
  if (merged.kind === "mamba2" && rest.headDim !== undefined && dInner % rest.headDim !== 0) {
    throw new UsageError(`--head-dim is ${rest.headDim} but a divisor of twice --d-model, ${dInner}, was needed`);
  }
  const headDim = [64, 32, 16, 8, 4, 2].find((size) => dInner % size === 0)!;
  return { dState: merged.kind === "mamba" ? 16 : 64, headDim, ...merged };
}

/** Settings of one kind of model do not go with those of the other. */
function checkBlocks(
  { blocks, positions, pack, carry }: Pick<Settings, "blocks" | "positions" | "pack" | "carry">,
  given: Partial<Settings>,
): void {
  const others =
    blocks === undefined
      ? (["dIntermediate", "positions"] as const)
      : (["kind", "layers", "dState", "headDim"] as const);
  const misfit = others.find((name) => given[name] !== undefined);
  if (misfit !== undefined) {
    throw new UsageError(`${misfit} does not go ${blocks === undefined ? "without" : "with"} blocks`);
  }
  const has = (kind: string) => blocks?.some((block) => (typeof block === "string" ? block : block.kind) === kind);
  if (carry === "on" && (has("attention") || positions !== "none")) {
    const culprit = has("attention") ? "blocks of attention" : "positions";
    throw new UsageError(`${culprit} cannot be carried without end from batch to batch; give --carry off`);
  }
  if (pack === "reset" && has("s4d")) {
    throw new UsageError("blocks of s4d cannot tell packed documents apart; give --pack joined");
  }
}

/** Settings that were saved. @throws TypeError that names the first that is missing. */
export function checkSettings(json: unknown): Settings {
  const settings = Object(json) as Settings;
  const needed = ["data", "dState", "headDim", ...Object.keys(defaults)] as (keyof Settings)[];
  const missing = needed.find((name) => settings[name] === undefined && !["minutes", "patience"].includes(name));
  if (missing !== undefined) throw new TypeError(`settings.json has no "${missing}"`);
  return settings;
}

/** The names of the settings that the command line gives. */
export function givenNames(given: GivenSettings): (keyof GivenSettings)[] {
  const names = Object.keys(settingOptions) as (keyof GivenSettings)[];
  return names.filter((name) => given[name] !== undefined && (name !== "data" || given.data.length > 0));
}

async function readSettings(path: string): Promise<Partial<Settings>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new Error(`Cannot read "${path}": ${(cause as Error).message}`, { cause });
  }
  const refuse = (what: string) => new UsageError(`cannot use "${path}": ${what}`);
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw refuse("an object was needed");
  const settings: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(json)) {
    if (!Object.hasOwn(settingOptions, name)) {
      throw refuse(`there is no setting "${name}"; known are ${Object.keys(settingOptions).join(", ")}`);
    }
    if (name === "data") settings[name] = files(value, refuse);
    else if (name === "blocks") settings[name] = list(value, refuse);
    else settings[name] = checked(name as keyof GivenSettings, value, refuse);
  }
  return settings;
}

type Refuse = (what: string) => Error;

function files(value: unknown, refuse: Refuse): readonly string[] {
  const list = typeof value === "string" ? [value] : value;
  if (Array.isArray(list) && list.every((file) => typeof file === "string")) return list;
  throw refuse('"data" must be a file or a list of files');
}

/** Blocks are read where the model is built. */
function list(value: unknown, refuse: Refuse): unknown {
  if (Array.isArray(value)) return value;
  throw refuse('"blocks" must be a list, of kinds or of objects with a kind and its sizes');
}

/** A value as the option of its name would take it. */
function checked(name: keyof GivenSettings, value: unknown, refuse: Refuse): unknown {
  try {
    const parsed = (settingOptions[name] as Options[string]).parse!(String(value), undefined);
    if (typeof parsed === typeof value) return parsed;
  } catch (error) {
    throw refuse(`"${name}" is ${JSON.stringify(value)}: ${(error as Error).message}`);
  }
  throw refuse(`"${name}" is a ${typeof value}, which it cannot be`);
}

/** Options of a run that change nothing about its result. */
export const runOptions = {
  config: text("file", "JSON file with settings; options go before it"),
  out: text("folder", "where the model goes"),
  resume: flag("go on with the run in --out"),
  log: text("file", "write a JSON line for each step and evaluation"),
};
