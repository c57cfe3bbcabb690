import { existsSync } from "node:fs";
import { join } from "node:path";
import { safetensorsPieces, writeWholeFolder, type Pieces, type TensorData } from "@elapid/loaders";
import { architectureOf, checkpointName, readConfig } from "@elapid/models";
import { seeded } from "@elapid/nn";
import { Device, HostBackend, type WeightDType } from "@elapid/tensor";
import { convert } from "elapid";

/** The shape of state-spaces/mamba-130m, as transformers writes its config. */
export const mamba130m = {
  model_type: "mamba",
  hidden_size: 768,
  intermediate_size: 1536,
  num_hidden_layers: 24,
  state_size: 16,
  conv_kernel: 4,
  time_step_rank: 48,
  vocab_size: 50280,
  layer_norm_epsilon: 1e-5,
  tie_word_embeddings: true,
  use_bias: false,
  use_conv_bias: true,
  eos_token_id: 0,
};

/** A model of random weights, in the two formats that are compared. */
export interface RandomModel {
  /** A Hugging Face folder. */
  readonly folder: string;
  readonly gguf: string;
}

/** Makes the model in `cache`, unless it is there already. The same seed gives the same weights. */
export async function randomMamba(cache: string, dtype: WeightDType = "f32"): Promise<RandomModel> {
  const name = join(cache, "mamba-130m");
  const [source, folder, gguf] = [`${name}-f32`, `${name}-${dtype}`, `${name}-${dtype}.gguf`];
  if (!existsSync(source)) await writeRandom(source);
  if (!existsSync(folder)) await convert(source, folder, { dtype });
  if (!existsSync(gguf)) await convert(source, gguf, { dtype });
  return { folder, gguf };
}

async function writeRandom(folder: string): Promise<void> {
  const { configure, names } = await architectureOf("mamba", "config.json");
  using device = new Device(new HostBackend());
  const model = configure(readConfig(mamba130m, "config.json"))(seeded(device, 7));
  const tensors: Record<string, TensorData> = {};
  for (const [path, tensor] of model.parameters())
    tensors[checkpointName(path, names)] = { dtype: "f32", shape: tensor.shape, data: await tensor.data() };
  const json = (value: object) => [new TextEncoder().encode(JSON.stringify(value))];
  await writeWholeFolder(
    folder,
    new Map<string, Pieces>([
      ["model.safetensors", safetensorsPieces(tensors)],
      ["tokenizer.json", json(tokenizer())],
      ["config.json", json(mamba130m)],
    ]),
  );
}

/** A byte-level BPE without merges, as llama.cpp does not run a model without a tokenizer. */
function tokenizer(): object {
  const tokens = Array.from({ length: mamba130m.vocab_size }, (_, id) => [id < 256 ? byteLevel(id) : `<${id}>`, id]);
  const byteLevelStep = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    added_tokens: [],
    pre_tokenizer: byteLevelStep,
    decoder: byteLevelStep,
    model: { type: "BPE", vocab: Object.fromEntries(tokens), merges: [] },
  };
}

/** The character that byte-level tokenizers write for a byte. */
function byteLevel(byte: number): string {
  const printable = (code: number) => (code >= 33 && code <= 126) || (code >= 161 && code <= 172) || code >= 174;
  if (printable(byte)) return String.fromCodePoint(byte);
  let shifted = 256;
  for (let code = 0; code < byte; code++) if (!printable(code)) shifted++;
  return String.fromCodePoint(shifted);
}
