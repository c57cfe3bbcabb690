import type { LanguageModel } from "elapid";
import { ids, json, text, type Args, type Streams } from "../command.ts";
import { oneOf, readText } from "../input.ts";
import { deviceLine, deviceReport, modelOptions, openModel } from "../model-options.ts";
import { saveTensors } from "../output.ts";
import { columns, grouped, progressBar } from "../terminal.ts";

export const name = "score";
export const summary = "Say how well a model foresees given tokens";

export const options = {
  ...modelOptions,
  ids: ids("tokens to score: each but the first is foreseen from those before it"),
  text: text("file", "text file to score, or standard input for -"),
  saveLogits: text("file", "save the logits as safetensors: float32 logits [time, vocab]"),
  json,
};

export async function run({ values }: Args<typeof options>, streams: Streams): Promise<number> {
  const { stdout, stderr, signal } = streams;
  const { saveLogits } = values;
  oneOf(values, ["ids", "text"]);
  const content = values.text === undefined ? undefined : await readText(values.text, streams);
  using model = await openModel(values, streams);
  const ids = content === undefined ? values.ids! : encode(model, content);

  const { vocabSize } = model.model;
  const logits = saveLogits === undefined ? undefined : new Float32Array(ids.length * vocabSize);
  const bar = progressBar(stderr);
  const { tokens, nll, perplexity } = await model
    .score(ids, {
      signal,
      onProgress: ({ done, total }) => bar.update({ file: "scoring", loaded: done, total }),
      onLogits: logits && ((rows, start) => logits.set(rows, start * vocabSize)),
    })
    .finally(bar.stop);
  if (saveLogits !== undefined && logits !== undefined) {
    await saveTensors(saveLogits, { logits: { dtype: "f32", shape: [ids.length, vocabSize], data: logits } });
  }

  const bytes = byteLength(content ?? model.tokenizer?.decode(ids.slice(1)));
  const bitsPerByte = bytes === 0 ? null : nll / Math.LN2 / bytes;
  if (values.json) {
    // JSON has no NaN, which the perplexity of nothing is
    const result = { tokens, nll, perplexity: tokens === 0 ? null : perplexity, bytes, bitsPerByte };
    stdout.write(`${JSON.stringify({ model: model.name, device: deviceReport(model), ...result })}\n`);
    return 0;
  }
  stdout.write(
    columns([
      ["tokens", grouped(tokens)],
      ["negative log-likelihood", `${nll.toFixed(4)} nats`],
      ["perplexity", tokens === 0 ? "-" : perplexity.toFixed(4)],
      ["bits per byte", bitsPerByte?.toFixed(4) ?? "-"],
    ]),
  );
  stderr.write(`${deviceLine(model)}\n`);
  return 0;
}

/** The tokens of a text after the one that begins it, so that its own first token is foreseen too. */
function encode({ tokenizer, bosId, name }: LanguageModel, content: string): readonly number[] {
  if (tokenizer === undefined) throw new TypeError(`Cannot score a text: "${name}" has no tokenizer.json; give --ids`);
  const ids = tokenizer.encode(content);
  return bosId === undefined || ids[0] === bosId ? ids : [bosId, ...ids];
}

function byteLength(content = ""): number {
  return new TextEncoder().encode(content).byteLength;
}
