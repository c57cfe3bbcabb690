import { resolveOptions, type LanguageModel } from "elapid";
import {
  flag,
  INTERRUPTED,
  json,
  number,
  text,
  texts,
  UsageError,
  without,
  type Args,
  type Streams,
} from "../command.ts";
import { deviceLine, deviceReport, modelOptions, openModel } from "../model-options.ts";
import { readPrompts } from "../prompts.ts";
import { Stopwatch } from "../stopwatch.ts";

export const name = "generate";
export const summary = "Continue a prompt";
export const operands = "[prompt...]";

export const options = {
  ...modelOptions,
  maxTokens: number("n", "tokens to add at most"),
  temperature: number("t", "0 takes the likeliest token, more makes bolder texts"),
  topK: number("k", "choose among the k likeliest tokens"),
  topP: number("p", "choose among the likeliest tokens that have this probability together"),
  minP: number("p", "choose among tokens with this share of the likeliest one's probability"),
  repetitionPenalty: number("r", "above 1 makes tokens that were there less likely"),
  seed: number("n", "the same seed gives the same text"),
  stop: texts("text", "end before this text; may be given more than once"),
  promptFile: text("file", "read the prompt from a file, or standard input for -"),
  batch: flag("every operand, or line of the file, is a prompt of its own"),
  echo: without("print the new text only, without the prompt"),
  json,
};

export async function run({ operands, values }: Args<typeof options>, streams: Streams): Promise<number> {
  const { stdout, stderr, signal } = streams;
  const { maxTokens, temperature, topK, topP, minP, repetitionPenalty, stop } = values;
  // drawn here, so that it can be told
  const seed = values.seed ?? Math.floor(Math.random() * 2 ** 31);
  const sampling = { maxTokens, temperature, topK, topP, minP, repetitionPenalty, seed, stop };
  checkSampling(sampling);
  const prompts = await readPrompts({ operands, promptFile: values.promptFile, batch: values.batch }, streams);

  using model = await openModel(values, streams);
  const results = prompts.map((prompt) => ({ prompt, text: "", tokens: 0 }));
  const watch = new Stopwatch();
  const onToken = ({ index }: { readonly index: number }) => {
    results[index].tokens++;
    watch.token(index);
  };
  const pieces = model.generate(prompts, { ...sampling, signal, onToken });

  const streaming = !values.batch && !values.json;
  if (streaming && values.echo) stdout.write(prompts[0]);
  try {
    for await (const { index, text } of pieces) {
      results[index].text += text;
      if (streaming) stdout.write(text);
    }
  } catch (error) {
    if (streaming) stdout.write("\n");
    // after Ctrl-C the text so far is the result
    if (!signal.aborted) throw error;
  }

  const speed = watch.speed(promptLength(model, prompts));
  if (values.json) {
    stdout.write(`${JSON.stringify({ model: model.name, device: deviceReport(model), seed, ...speed, results })}\n`);
  } else if (values.batch) {
    stdout.write(results.map(({ prompt, text }) => `${values.echo ? prompt : ""}${text}\n`).join("\n"));
  } else if (!signal.aborted) stdout.write("\n");
  stderr.write(
    `${deviceLine(model)}: ${rate(speed.tokensPerSecond)}, prompt ${rate(speed.promptTokensPerSecond)}, seed ${seed}\n`,
  );
  return signal.aborted ? INTERRUPTED : 0;
}

/** What the library would refuse later is wrong usage, and known before the model is there. */
function checkSampling(options: Parameters<typeof resolveOptions>[0]): void {
  try {
    resolveOptions(options);
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

/** Tokens of all prompts; an empty one counts the token that begins a text. */
function promptLength({ tokenizer }: LanguageModel, prompts: readonly string[]): number {
  return prompts.reduce((sum, prompt) => sum + Math.max(1, tokenizer?.encode(prompt).length ?? 0), 0);
}

function rate(tokensPerSecond: number | null): string {
  return tokensPerSecond === null ? "-" : `${tokensPerSecond.toFixed(tokensPerSecond < 10 ? 1 : 0)} tokens/s`;
}
