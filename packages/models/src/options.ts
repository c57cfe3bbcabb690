import { closest } from "fastest-levenshtein";
import type { GeneratedToken } from "./generate.ts";
import type { SamplingOptions } from "./sample.ts";

/** How to go on from a prompt. Names in snake_case, as transformers has them, are accepted too. */
export interface GenerateOptions extends Partial<SamplingOptions> {
  /** Tokens to add at most. Default 128. */
  readonly maxTokens?: number;
  /** The same seed on the same device gives the same text, whatever runs beside it. Default: drawn anew each time. */
  readonly seed?: number;
  /** Ends before the first of these strings; they are not part of the text. */
  readonly stop?: string | readonly string[];
  /** Ends the generation, within one token, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told of every token as it is made, those that end a text included. */
  readonly onToken?: (token: GeneratedToken) => void;
}

/** Options with all defaults filled in. */
export interface ResolvedOptions extends SamplingOptions {
  readonly maxTokens: number;
  readonly seed: number;
  readonly stop: readonly string[];
  readonly signal: AbortSignal | undefined;
  readonly onToken: GenerateOptions["onToken"];
}

const RANGES: Readonly<Record<string, { readonly min: number; readonly max: number; readonly whole?: true }>> = {
  maxTokens: { min: 0, max: Number.MAX_SAFE_INTEGER, whole: true },
  temperature: { min: 0, max: 1000 },
  topK: { min: 0, max: 2 ** 31 - 1, whole: true },
  topP: { min: Number.MIN_VALUE, max: 1 },
  minP: { min: 0, max: 1 },
  repetitionPenalty: { min: Number.MIN_VALUE, max: 1000 },
  seed: { min: 0, max: Number.MAX_SAFE_INTEGER, whole: true },
};
const NAMES = [...Object.keys(RANGES), "stop", "signal", "onToken"];
const ALIASES: Readonly<Record<string, string>> = {
  max_new_tokens: "maxTokens",
  maxNewTokens: "maxTokens",
  max_tokens: "maxTokens",
  top_k: "topK",
  top_p: "topP",
  min_p: "minP",
  repetition_penalty: "repetitionPenalty",
  stop_strings: "stop",
};

/**
 * Checks options and fills in what is advised, and then the defaults: temperature 1, no filter, no penalty, 128 tokens.
 *
 * @throws TypeError for an unknown option, naming the nearest one, or a value of the wrong kind;
 * RangeError for a number out of range.
 */
export function resolveOptions(options: GenerateOptions, advised: GenerateOptions = {}): ResolvedOptions {
  const given: Record<string, unknown> = {};
  for (const [key, value] of [...Object.entries(advised), ...Object.entries(options)]) {
    const name = ALIASES[key] ?? key;
    if (!NAMES.includes(name)) {
      throw new TypeError(`Cannot generate: there is no option "${key}"; the nearest is "${closest(key, NAMES)}"`);
    }
    if (value !== undefined) given[name] = value;
  }
  for (const [name, range] of Object.entries(RANGES)) checkNumber(name, given[name], range);
  const { stop = [], signal, onToken } = given;
  const stops = typeof stop === "string" ? [stop] : stop;
  if (!Array.isArray(stops) || !stops.every((text): text is string => typeof text === "string" && text !== "")) {
    throw new TypeError('Cannot generate: "stop" must be a string, or a list of strings, and none of them empty');
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('Cannot generate: "signal" must be an AbortSignal');
  }
  if (onToken !== undefined && typeof onToken !== "function")
    throw new TypeError('Cannot generate: "onToken" must be a function');
  const number = (name: string, fallback: number) => (given[name] as number | undefined) ?? fallback;
  return {
    maxTokens: number("maxTokens", 128),
    temperature: number("temperature", 1),
    topK: number("topK", 0),
    topP: number("topP", 1),
    minP: number("minP", 0),
    repetitionPenalty: number("repetitionPenalty", 1),
    seed: number("seed", Math.floor(Math.random() * 2 ** 32)),
    stop: stops,
    signal,
    onToken: onToken as GenerateOptions["onToken"],
  };
}

/**
 * What the author of a model advises: the options in its `generation_config.json`, where that asks for
 * sampling. They stand in for options that the caller leaves out.
 */
export function advisedOptions(generation: unknown): GenerateOptions {
  const json = (generation ?? {}) as Readonly<Record<string, unknown>>;
  if (json.do_sample !== true) return {};
  const {
    temperature,
    top_k: topK,
    top_p: topP,
    min_p: minP,
    repetition_penalty: repetitionPenalty,
    max_new_tokens: maxTokens,
  } = json;
  const advised = Object.entries({ temperature, topK, topP, minP, repetitionPenalty, maxTokens });
  return Object.fromEntries(advised.filter(([, value]) => typeof value === "number"));
}

function checkNumber(name: string, value: unknown, { min, max, whole }: (typeof RANGES)[string]): void {
  if (value === undefined) return;
  const needed = min === Number.MIN_VALUE ? `above 0 and at most ${max}` : `from ${min} to ${max}`;
  if (typeof value !== "number")
    throw new TypeError(`Cannot generate: "${name}" is a ${typeof value} but a number ${needed} was needed`);
  if (!(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
    throw new RangeError(
      `Cannot generate: "${name}" is ${value} but a ${whole ? "whole " : ""}number ${needed} was needed`,
    );
  }
}
