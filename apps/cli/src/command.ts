import type { Readable, Writable } from "node:stream";

/** What a command talks to, so that tests can bring their own. */
export interface Streams {
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborts when the user presses Ctrl-C. */
  readonly signal: AbortSignal;
}

export type Output = Writable & { readonly isTTY?: boolean };

/** An option of a command; its name on the command line is its key in kebab case, `--no-` before it if `negated`. */
export interface Option<T> {
  readonly summary: string;
  /** What stands for the value in the help; an option without one is a flag. */
  readonly value?: string;
  readonly negated?: boolean;
  /** The value of the text given; throws {@link UsageError} with what was needed. `previous` is the value so far. */
  parse?(text: string, previous: T): T;
  readonly default: T;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

/** What a command gets: its operands, and the values of its options. */
export interface Args<O extends Options> {
  readonly operands: readonly string[];
  readonly values: { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };
}

/** A file under `commands/`. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Operands as the help shows them: `<model>`, `[prompt...]`. */
  readonly operands?: string;
  readonly options: Options;
  /** Does the work and gives the exit code. */
  run(args: Args<Options>, streams: Streams): Promise<number>;
}

/** The command was called in a wrong way; exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Exit code after Ctrl-C, as shells expect it. */
export const INTERRUPTED = 130;

/** `--json`, in every command. */
export const json = flag("print one JSON object on standard output");

export function flag(summary: string): Option<boolean> {
  return { summary, default: false };
}

/** `--no-echo` for the key `echo`, which is true without it. */
export function without(summary: string): Option<boolean> {
  return { summary, negated: true, default: true };
}

export function text(value: string, summary: string): Option<string | undefined>;
export function text(value: string, summary: string, fallback: string): Option<string>;
export function text(value: string, summary: string, fallback?: string): Option<string | undefined> {
  return { value, summary, parse: (given) => given, default: fallback };
}

/** An option that may be given more than once. */
export function texts(value: string, summary: string): Option<readonly string[]> {
  return { value, summary, parse: (given, previous) => [...previous, given], default: [] };
}

/** One of a few words. */
export function choice<const W extends string>(words: readonly W[], summary: string): Option<W | undefined>;
export function choice<const W extends string>(words: readonly W[], summary: string, fallback: W): Option<W>;
export function choice<const W extends string>(
  words: readonly W[],
  summary: string,
  fallback?: W,
): Option<W | undefined> {
  const parse = (given: string): W => {
    const word = words.find((candidate) => candidate === given);
    if (word === undefined) throw new UsageError(`it is one of ${words.join(", ")}`);
    return word;
  };
  return { value: words.join("|"), summary, parse, default: fallback };
}

interface Range {
  readonly min?: number;
  readonly whole?: boolean;
}

export function number(
  value: string,
  summary: string,
  { min = -Infinity, whole = false }: Range = {},
): Option<number | undefined> {
  const parse = (given: string): number => {
    const found = given.trim() === "" ? Number.NaN : Number(given);
    if (Number.isNaN(found) || found < min || (whole && !Number.isSafeInteger(found))) {
      throw new UsageError(`a ${whole ? "whole " : ""}number${min > -Infinity ? ` of at least ${min}` : ""} is needed`);
    }
    return found;
  };
  return { value, summary, parse, default: undefined };
}

/** Token ids as one text: `"1 2 3"` or `"1,2,3"`. */
export function ids(summary: string): Option<readonly number[] | undefined> {
  const parse = (given: string): readonly number[] =>
    given
      .split(/[\s,]+/)
      .filter((word) => word !== "")
      .map((word) => {
        if (!/^\d{1,15}$/.test(word))
          throw new UsageError(`${JSON.stringify(word)} is no token id; ids are whole numbers: "1 2 3"`);
        return Number(word);
      });
  return { value: "ids", summary, parse, default: undefined };
}
