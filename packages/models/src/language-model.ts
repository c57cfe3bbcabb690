import { dispose, type Device, Tensor, type WeightDType } from "@elapid/tensor";
import type { Tokenizer } from "@elapid/tokenizers";
import type { CausalModel, ForwardOptions } from "./define.ts";
import { generateTokens } from "./generate.ts";
import { advisedOptions, resolveOptions, type GenerateOptions, type ResolvedOptions } from "./options.ts";
import type { Score, ScoreOptions } from "./score.ts";
import { State } from "./state.ts";
import { StopStrings } from "./stop.ts";

interface Parts {
  readonly name: string;
  readonly type: string;
  readonly json: unknown;
  readonly generation: unknown;
  readonly model: CausalModel;
  readonly dtype: WeightDType;
  readonly tokenizer: Tokenizer | undefined;
  readonly device: Device;
  readonly ownsDevice: boolean;
}

export interface LanguageForwardOptions extends Pick<ForwardOptions, "logits" | "onHidden"> {
  /** Where to go on from. It stays as it is. Default: the start. */
  readonly state?: State | undefined;
  /** 0 where a token is padding, 1 elsewhere: `batch time`. */
  readonly mask?: readonly (readonly number[])[] | Tensor | undefined;
}

/** A text, or a token of one of several texts, as it is made. */
export interface GeneratedText {
  readonly index: number;
  readonly text: string;
}

/**
 * A model of language on a device, with its tokenizer.
 *
 * ```ts
 * for await (const piece of lm.generate("Once upon a time", { maxTokens: 200, seed: 7 })) console.log(piece);
 * ```
 */
export class LanguageModel {
  readonly name: string;
  readonly modelType: string;
  /** The parsed `config.json`. */
  readonly config: unknown;
  readonly device: Device;
  /** Type of its matrices on the device. */
  readonly dtype: WeightDType;
  readonly tokenizer: Tokenizer | undefined;
  readonly model: CausalModel;
  /** Ids that end a text. */
  readonly eosIds: ReadonlySet<number>;
  /** The id that begins a text, where the model has one. */
  readonly bosId: number | undefined;
  /** Options of `generate` that the author of the model advises; they hold where the caller says nothing. */
  readonly advised: GenerateOptions;
  readonly #ownsDevice: boolean;

  constructor({ name, type, json, generation, model, dtype, tokenizer, device, ownsDevice }: Parts) {
    this.name = name;
    this.modelType = type;
    this.config = json;
    this.device = device;
    this.dtype = dtype;
    this.#ownsDevice = ownsDevice;
    this.tokenizer = tokenizer;
    this.model = model;
    this.eosIds = new Set(idsOf(generation, "eos_token_id") ?? idsOf(json, "eos_token_id") ?? []);
    this.advised = advisedOptions(generation);
    this.bosId = tokenizer?.bosId ?? idsOf(json, "bos_token_id")?.[0];
  }

  get parameterCount(): number {
    let count = 0;
    for (const [, parameter] of this.model.parameters()) count += parameter.size;
    return count;
  }

  /**
   * Runs the model over tokens, `batch time`, and changes nothing else.
   *
   * @throws RangeError if an id is outside the vocabulary.
   */
  forward(
    ids: readonly (readonly number[])[] | Tensor,
    { state, mask, logits = "all", onHidden }: LanguageForwardOptions = {},
  ): { readonly logits: Tensor; readonly state: State } {
    const input = ids instanceof Tensor ? ids.share() : this.#upload(ids);
    const padding = mask === undefined || mask instanceof Tensor ? mask?.share() : matrix(this.device, mask, "mask");
    try {
      const result = this.model.forward(input, { layers: state?.layers, mask: padding, logits, onHidden });
      const { time } = input.dims("batch time");
      return { logits: result.logits!, state: new State(result.layers, (state?.tokens ?? 0) + time) };
    } finally {
      input.dispose();
      padding?.dispose();
    }
  }

  /** Continues a prompt, of text or tokens; gives the new text piece by piece. */
  generate(prompt: string | readonly number[], options?: GenerateOptions): AsyncGenerator<string, void>;
  /** Continues several prompts at once; each becomes what it would become alone. */
  generate(prompts: readonly string[], options?: GenerateOptions): AsyncGenerator<GeneratedText, void>;
  generate(
    prompt: string | readonly number[] | readonly string[],
    options: GenerateOptions = {},
  ): AsyncGenerator<string, void> | AsyncGenerator<GeneratedText, void> {
    const resolved = resolveOptions(options, this.advised);
    if (isBatch(prompt))
      return this.#generate(
        prompt.map((text) => this.#promptIds(text)),
        resolved,
      );
    return textOnly(this.#generate([this.#promptIds(prompt)], resolved));
  }

  /** How well the model foresees each token from those before it. The first is given. */
  async score(ids: readonly number[], options?: ScoreOptions): Promise<Score> {
    checkIds(ids, this.model.vocabSize);
    const { scoreTokens } = await import("./score.ts");
    return scoreTokens(this.model, this.device, ids, options);
  }

  /** Frees the weights, and the device if it was opened for this model. */
  dispose(): void {
    this.model.dispose();
    if (this.#ownsDevice) this.device.dispose();
  }

  [dispose](): void {
    this.dispose();
  }

  async *#generate(
    prompts: readonly (readonly number[])[],
    options: ResolvedOptions,
  ): AsyncGenerator<GeneratedText, void> {
    const tokenizer = this.#needTokenizer("generate text");
    const texts = prompts.map(() => ({
      decoder: tokenizer.stream({ skipSpecialTokens: true }),
      stops: new StopStrings(options.stop),
    }));
    const counts = prompts.map(() => 0);
    const ended = prompts.map(() => false);
    const tokens = generateTokens(this.model, this.device, prompts, options, ({ index }) => ended[index]);
    for await (const token of tokens) {
      const { index, id } = token;
      options.onToken?.(token);
      const { decoder, stops } = texts[index];
      const isEos = this.eosIds.has(id);
      let text = isEos ? "" : stops.push(decoder.push(id));
      ended[index] = isEos || stops.found || ++counts[index] === options.maxTokens;
      if (ended[index] && !stops.found) text += stops.push(decoder.flush()) + stops.flush();
      if (text !== "") yield { index, text };
    }
  }

  #promptIds(prompt: string | readonly number[]): readonly number[] {
    const ids = typeof prompt === "string" ? this.#needTokenizer("read a prompt").encode(prompt) : prompt;
    checkIds(ids, this.model.vocabSize);
    if (ids.length > 0) return ids;
    if (this.bosId !== undefined) return [this.bosId];
    throw new RangeError(
      "Cannot generate: the prompt is empty and the model has no token to begin with; give at least one word",
    );
  }

  #needTokenizer(action: string): Tokenizer {
    if (this.tokenizer !== undefined) return this.tokenizer;
    throw new TypeError(`Cannot ${action}: "${this.name}" has no tokenizer.json; give one, or work with token ids`);
  }

  #upload(ids: readonly (readonly number[])[]): Tensor {
    if (ids.length === 0 || ids[0].length === 0) throw new RangeError("Cannot run the model: no tokens were given");
    for (const row of ids) checkIds(row, this.model.vocabSize);
    return matrix(this.device, ids, "ids");
  }
}

/** A generator's finished flag is read right after each yield, so the text decides before the next step is computed. */
async function* textOnly(pieces: AsyncGenerator<GeneratedText, void>): AsyncGenerator<string, void> {
  for await (const { text } of pieces) yield text;
}

function isBatch(prompt: string | readonly number[] | readonly string[]): prompt is readonly string[] {
  return typeof prompt !== "string" && prompt.length > 0 && typeof prompt[0] === "string";
}

function matrix(device: Device, rows: readonly (readonly number[])[], name: string): Tensor {
  const time = rows[0]?.length ?? 0;
  if (!rows.every((row) => row.length === time)) {
    throw new TypeError(`Cannot run the model: rows of ${name} differ in length; pad them and say where in "mask"`);
  }
  return device.tensor(Int32Array.from(rows.flat()), [rows.length, time]);
}

function checkIds(ids: readonly number[], vocabSize: number): void {
  ids.forEach((id, i) => {
    if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw new RangeError(
        `Cannot run the model: token ${i} is ${id} but ids are whole numbers from 0 to ${vocabSize - 1}`,
      );
    }
  });
}

function idsOf(json: unknown, field: string): readonly number[] | undefined {
  const value = (json as Readonly<Record<string, unknown>> | undefined)?.[field];
  if (typeof value === "number") return [value];
  return Array.isArray(value) ? value.filter((id) => typeof id === "number") : undefined;
}
