import { existsSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { safetensorsPieces, type TensorData } from "@elapid/loaders";
import { architectureOf, checkpointName, readConfig } from "@elapid/models";
import { seeded } from "@elapid/nn";
import { Device, HostBackend, type Tensor } from "@elapid/tensor";
import { writeGguf, type GgufTensor, type GgufValue } from "./gguf-writer.ts";

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
export async function randomMamba(cache: string, config: typeof mamba130m = mamba130m): Promise<RandomModel> {
  const folder = join(cache, `mamba-${config.hidden_size}x${config.num_hidden_layers}-f32`);
  const gguf = `${folder}.gguf`;
  if (existsSync(gguf)) return { folder, gguf };
  await mkdir(folder, { recursive: true });
  const { configure, names } = await architectureOf("mamba", "config.json");
  using device = new Device(new HostBackend());
  const model = configure(readConfig(config, "config.json"))(seeded(device, 7));
  const parameters = [...model.parameters()].map(([path, tensor]) => ({ name: checkpointName(path, names), tensor }));

  await writeFile(join(folder, "config.json"), JSON.stringify(config, undefined, 2));
  const tensors: Record<string, TensorData> = {};
  for (const { name, tensor } of parameters)
    tensors[name] = { dtype: "f32", shape: tensor.shape, data: await tensor.data() };
  await writeFile(join(folder, "model.safetensors"), safetensorsPieces(tensors));
  // written last and under its own name only when whole, so that its presence says that all is there
  await writeGguf(`${gguf}.part`, metadata(config), parameters.map(ggufTensor));
  await rename(`${gguf}.part`, gguf);
  return { folder, gguf };
}

const GGUF_NAMES: Readonly<Record<string, string>> = {
  "backbone.embeddings.weight": "token_embd.weight",
  "backbone.norm_f.weight": "output_norm.weight",
  "norm.weight": "attn_norm.weight",
  "mixer.in_proj.weight": "ssm_in.weight",
  "mixer.conv1d.weight": "ssm_conv1d.weight",
  "mixer.conv1d.bias": "ssm_conv1d.bias",
  "mixer.x_proj.weight": "ssm_x.weight",
  "mixer.dt_proj.weight": "ssm_dt.weight",
  "mixer.dt_proj.bias": "ssm_dt.bias",
  "mixer.A_log": "ssm_a",
  "mixer.D": "ssm_d",
  "mixer.out_proj.weight": "ssm_out.weight",
};

function ggufTensor({ name, tensor }: { readonly name: string; readonly tensor: Tensor }): GgufTensor {
  const [, layer, part] = /^backbone\.layers\.(\d+)\.(.*)$/.exec(name) ?? [];
  const values = async () => (await tensor.data()) as Float32Array;
  return {
    name: part === undefined ? GGUF_NAMES[name] : `blk.${layer}.${GGUF_NAMES[part]}`,
    shape: tensor.shape.filter((length) => length !== 1),
    data: part === "mixer.A_log" ? async () => (await values()).map((log) => -Math.exp(log)) : values,
  };
}

function metadata(config: typeof mamba130m): Record<string, GgufValue> {
  const tokens = Array.from({ length: config.vocab_size }, (_, id) => (id < 256 ? byteLevel(id) : `<${id}>`));
  return {
    "general.architecture": { string: "mamba" },
    "general.name": { string: "random" },
    "mamba.context_length": { u32: 2 ** 20 },
    "mamba.embedding_length": { u32: config.hidden_size },
    "mamba.feed_forward_length": { u32: 0 },
    "mamba.attention.head_count": { u32: 0 },
    "mamba.block_count": { u32: config.num_hidden_layers },
    "mamba.ssm.conv_kernel": { u32: config.conv_kernel },
    "mamba.ssm.inner_size": { u32: config.intermediate_size },
    "mamba.ssm.state_size": { u32: config.state_size },
    "mamba.ssm.time_step_rank": { u32: config.time_step_rank },
    "mamba.attention.layer_norm_rms_epsilon": { f32: config.layer_norm_epsilon },
    "mamba.ssm.dt_b_c_rms": { bool: false },
    "general.file_type": { u32: 0 },
    "general.quantization_version": { u32: 2 },
    "tokenizer.ggml.model": { string: "gpt2" },
    "tokenizer.ggml.pre": { string: "gpt-2" },
    "tokenizer.ggml.tokens": { strings: tokens },
    "tokenizer.ggml.token_type": { i32s: tokens.map(() => 1) },
    "tokenizer.ggml.merges": { strings: ["a b"] },
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
