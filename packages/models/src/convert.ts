import {
  checkFree,
  safetensorsHeader,
  writeWholeFile,
  writeWholeFolder,
  type ModelFiles,
  type Pieces,
  type StoredDType,
  type WriteOptions,
} from "@elapid/loaders";
import { blank } from "@elapid/nn";
import { Device, HostBackend, type WeightDType } from "@elapid/tensor";
import { checkpointName } from "./define.ts";
import { ggufFile } from "./gguf.ts";
import { checkParameters, openArchitecture } from "./load.ts";
import { PaperBackend } from "./paper.ts";
import { exactly, type Planned } from "./planned.ts";
import { blockShape, describeStored, isBlocks } from "./stored.ts";
import { uploads } from "./uploads.ts";

export interface ConvertOptions extends WriteOptions {
  /** Type of the matrices; what feeds recurrences and norms stays f32. */
  readonly dtype: WeightDType;
  /** What rounds to q8 and q4: a WASM device is the fastest. Default: this thread. */
  readonly device?: Device;
}

/** Files that say how text becomes tokens and what the author advises; copied where they are there. */
const COMPANIONS = [
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "chat_template.jinja",
] as const;

/**
 * Writes a model with another type of weights: a Hugging Face folder, or a GGUF file where `destination` ends in
 * `.gguf`. Tensors are read and written one after the other, in pieces; the destination is there whole or not at all.
 *
 * In a folder, f32, f16 and bf16 are as transformers reads them; q8 and q4 stand in blocks that `load` takes bit for bit.
 *
 * @throws TypeError or SyntaxError naming file and tensor that do not fit, or what GGUF has no words for.
 * @throws RangeError for a number that the dtype cannot hold, naming the tensor.
 * @throws Error if something is at the destination already, or it cannot be written.
 */
export async function convertModel(
  files: ModelFiles,
  destination: string | URL,
  { dtype, device = new Device(new HostBackend()), force = false, signal }: ConvertOptions,
): Promise<void> {
  const gguf = /\.gguf$/i.test(String(destination));
  await checkFree(destination, gguf ? "file" : "folder", force);
  const source = await openArchitecture(files);
  const weights = await files.weights();
  try {
    const model = source.build(blank(new Device(new PaperBackend()), dtype));
    checkParameters(model, source.architecture, weights);
    const { names } = source.architecture;
    const buffer = new Uint8Array(2 ** 20);
    const planned = [...model.parameters()].map(([path, parameter]): Planned => {
      const name = checkpointName(path, names);
      const wanted = (as: WeightDType) => ({ device, dtype: as, shape: parameter.shape, size: parameter.size });
      return { path, name, parameter, pieces: (as) => uploads(wanted(as), weights, name, { buffer, signal }) };
    });
    if (gguf) {
      await writeWholeFile(destination, await ggufFile(files, source, planned, dtype), { force, signal });
    } else {
      await writeWholeFolder(destination, await folderOf(files, source.json, planned, dtype), { force, signal });
    }
  } finally {
    await weights.close();
  }
}

/** The files of a Hugging Face folder; `config.json` comes last, as it says how to read the others. */
async function folderOf(
  files: ModelFiles,
  config: unknown,
  planned: readonly Planned[],
  dtype: WeightDType,
): Promise<Map<string, Pieces>> {
  const content = new Map<string, Pieces>([["model.safetensors", safetensors(planned)]]);
  for (const file of COMPANIONS) {
    const text = await files.text(file);
    if (text !== undefined) content.set(file, [new TextEncoder().encode(text)]);
  }
  const { quantization_config: _, torch_dtype: __, ...rest } = config as Readonly<Record<string, unknown>>;
  // says how weights begin, and transformers 5 would do it to these once more
  const finished = rest.rescale_prenorm_residual === true && { rescale_prenorm_residual: false };
  const json = JSON.stringify({ ...rest, ...finished, ...describeStored(dtype) }, undefined, 2);
  content.set("config.json", [new TextEncoder().encode(`${json}\n`)]);
  return content;
}

async function* safetensors(planned: readonly Planned[]): AsyncGenerator<Uint8Array> {
  const byName = new Map(planned.map((each) => [each.name, each]));
  const infos = planned.map(({ name, parameter: { dtype, shape } }) => {
    const stored: { dtype: StoredDType; shape: readonly number[] } = isBlocks(dtype)
      ? { dtype: "u8", shape: blockShape(dtype, shape) }
      : { dtype, shape };
    return [name, stored] as const;
  });
  const { start, order } = safetensorsHeader(new Map(infos), { format: "pt" }); // transformers asks for this word
  yield start;
  for (const name of order) yield* exactly(byName.get(name)!);
}
