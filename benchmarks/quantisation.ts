import { readFileSync } from "node:fs";
import { load, type LanguageModel } from "elapid";
import type { CausalModel } from "@elapid/models";
import { bytesOf, decodeWeights, encodeWeights, type WeightDType } from "@elapid/tensor";
import { machine } from "./report.ts";
import type { BenchmarkOptions } from "./run.ts";

export const summary =
  "perplexity of the embedded model in f16, bf16, q8 and q4 beside f32, and of other ways to round";

const STORIES = 64;
const MAX_TOKENS = 240;
const PLAIN_GRID = "q4, scale by the peak";

/** Prints by how much each way of storing the weights raises the perplexity. */
export async function run({ json, text }: BenchmarkOptions): Promise<void> {
  using exact = await load("@elapid/stories", { device: "wasm" });
  const { source, documents } = text === undefined ? await sampled(exact) : fromFile(exact, text);
  const base = await lossOf(exact, documents);
  const rows: Row[] = [];
  for (const dtype of ["f16", "bf16", "q8", "q4"] as const) {
    using lm = await load("@elapid/stories", { device: "wasm", dtype, strict: true });
    rows.push(compared(dtype, await lossOf(lm, documents), base));
  }
  for (const [name, round] of Object.entries(roundings)) {
    using lm = await load("@elapid/stories", { device: "wasm" });
    await replaceWeights(lm.model, round);
    rows.push(compared(`${name} (weights alone)`, await lossOf(lm, documents), base));
  }
  const tokens = documents.reduce((sum, ids) => sum + ids.length - 1, 0);
  const result = { machine: machine(), text: source, tokens, perplexity: Math.exp(base.nll / tokens), rows };
  if (json) {
    console.log(JSON.stringify(result));
    return;
  }
  console.log(`${result.machine}; ${source}: ${tokens} tokens, perplexity in f32 ${result.perplexity.toFixed(4)}`);
  console.table(
    rows.map(({ weights, change, error }) => ({
      weights,
      "perplexity against f32": `${change >= 0 ? "+" : ""}${change.toFixed(3)} %`,
      "standard error": `${error.toFixed(3)} %`,
    })),
  );
}

interface Row {
  readonly weights: string;
  /** Percent by which the perplexity is above that of f32, and the standard error of that over documents. */
  readonly change: number;
  readonly error: number;
}

interface Corpus {
  readonly source: string;
  readonly documents: readonly (readonly number[])[];
}

/** Documents of a file, with an empty line between them. */
function fromFile(lm: LanguageModel, path: string): Corpus {
  const texts = readFileSync(path, "utf8").split(/\n\s*\n|<\|endoftext\|>/);
  const documents = texts.map((each) => each.trim()).filter((each) => each !== "");
  return { source: path, documents: documents.map((each) => [lm.bosId ?? 0, ...lm.tokenizer!.encode(each)]) };
}

/** Where there is no text: stories of the model in f32, with fixed seeds. It foresees its own text better than that of others. */
async function sampled(lm: LanguageModel): Promise<Corpus> {
  const documents: number[][] = [];
  for (let seed = 0; seed < STORIES; seed++) {
    const ids = [lm.bosId ?? 0];
    const sampling = { seed, temperature: 1, topP: 1, topK: 0, maxTokens: MAX_TOKENS };
    for await (const _ of lm.generate(ids.slice(), { ...sampling, onToken: ({ id }) => void ids.push(id) }));
    documents.push(ids);
  }
  return { source: `${STORIES} stories that the model itself made in f32, seeds 0 to ${STORIES - 1}`, documents };
}

interface Loss {
  readonly nll: number;
  readonly byDocument: readonly number[];
  readonly counts: readonly number[];
}

async function lossOf(lm: LanguageModel, documents: Corpus["documents"]): Promise<Loss> {
  const byDocument: number[] = [];
  for (const ids of documents) byDocument.push((await lm.score(ids)).nll);
  const counts = documents.map((ids) => ids.length - 1);
  return { nll: byDocument.reduce((a, b) => a + b, 0), byDocument, counts };
}

/** Both losses are of the same tokens, so the error is that of their difference. */
function compared(weights: string, loss: Loss, base: Loss): Row {
  const tokens = base.counts.reduce((a, b) => a + b, 0);
  const mean = (loss.nll - base.nll) / tokens;
  const squares = loss.byDocument.map((nll, i) => (nll - base.byDocument[i] - mean * base.counts[i]) ** 2);
  const error = Math.sqrt(squares.reduce((a, b) => a + b, 0)) / tokens;
  return { weights, change: 100 * Math.expm1(mean), error: 100 * error };
}

/** The numbers that a matrix `out in` becomes; a path of a parameter says which it is. */
type Round = (values: Float32Array, shape: readonly [number, number], path: string) => Float32Array;

const as =
  (dtype: WeightDType): Round =>
  (values, shape) =>
    decodeWeights(encodeWeights(values, shape, dtype), shape, dtype);
const except =
  (part: string, other: Round): Round =>
  (values, shape, path) =>
    (path.includes(part) ? other : as("q4"))(values, shape, path);
const unchanged: Round = (values) => values;

/** Ways to round that were thought of; the step sizes stay f32 in all of them. */
const roundings: Readonly<Record<string, Round>> = {
  q4: as("q4"),
  [PLAIN_GRID]: plainGrid,
  "q4, embedding and head in q8": except("embedding", as("q8")),
  "q4, x_proj in q8": except("xProj", as("q8")),
  "q4, out_proj in q8": except("outProj", as("q8")),
  "q4, in_proj in q8": except("inProj", as("q8")),
  "q4 of embedding and head alone": (values, shape, path) =>
    (path.includes("embedding") ? as("q4") : unchanged)(values, shape, path),
};

/** The grid of llama.cpp's Q4_0: its lower end is the value of the largest magnitude. */
function plainGrid(values: Float32Array): Float32Array {
  const rounded = new Float32Array(values.length);
  for (let first = 0; first < values.length; first += 32) {
    const block = values.subarray(first, first + 32);
    const peak = block.reduce((far, value) => (Math.abs(value) > Math.abs(far) ? value : far), 0);
    const scale = decodeWeights(encodeWeights(Float32Array.of(peak / -8), [1], "f16"), [1], "f16")[0];
    const inverse = scale === 0 ? 0 : 1 / scale;
    block.forEach((value, i) => {
      rounded[first + i] = scale * (Math.max(0, Math.min(15, Math.floor(value * inverse + 8.5))) - 8);
    });
  }
  return rounded;
}

async function replaceWeights(model: CausalModel, round: Round): Promise<void> {
  for (const [path, tensor] of model.parameters()) {
    const isMatrix = tensor.shape.length === 2 && path.endsWith(".weight") && !path.includes("deltaProj");
    if (!isMatrix) continue;
    const values = (await tensor.data()) as Float32Array;
    tensor.device.write(tensor, bytesOf(round(values, [tensor.shape[0], tensor.shape[1]], path)));
  }
}
