import { ggufHeader, toFloat32, type GgufTensorInfo, type GgufValue, type ModelFiles } from "@elapid/loaders";
import { BLOCK, bytesOf, GROUP_ROWS, rowUnit, unpackBlocks, type Shape, type WeightDType } from "@elapid/tensor";
import type { ConfigReader } from "./config.ts";
import { exactly, type Planned } from "./planned.ts";
import { ggufTokenizer } from "./gguf-tokenizer.ts";
import { isBlocks } from "./stored.ts";

/** What llama.cpp calls our parameters; those of a layer stand behind `blk.0.`. */
const MODEL_NAMES: Readonly<Record<string, string>> = {
  "backbone.embedding.weight": "token_embd.weight",
  "backbone.normF.weight": "output_norm.weight",
  "lmHead.weight": "output.weight",
};
const LAYER_NAMES: Readonly<Record<string, string>> = {
  "norm.weight": "attn_norm.weight",
  "mixer.inProj.weight": "ssm_in.weight",
  "mixer.conv1d.weight": "ssm_conv1d.weight",
  "mixer.conv1d.bias": "ssm_conv1d.bias",
  "mixer.xProj.weight": "ssm_x.weight",
  "mixer.deltaProj.weight": "ssm_dt.weight",
  "mixer.deltaProj.bias": "ssm_dt.bias",
  "mixer.deltaBias": "ssm_dt.bias",
  "mixer.logA": "ssm_a",
  "mixer.D": "ssm_d",
  "mixer.norm.weight": "ssm_norm.weight",
  "mixer.outProj.weight": "ssm_out.weight",
};

/** `general.file_type` of llama.cpp: the type of most matrices. */
const FILE_TYPES = { f32: 0, f16: 1, bf16: 32, q8: 7, q4: 2 } as const satisfies Record<WeightDType, number>;

interface Source {
  readonly type: string;
  readonly config: ConfigReader;
}

/** A tensor as GGUF has it, and its bytes. */
interface GgufTensor extends GgufTensorInfo {
  readonly content: () => AsyncIterable<Uint8Array>;
}

/**
 * A model as a GGUF file, piece by piece, for llama.cpp's architectures `mamba` and `mamba2`. Names and conventions are
 * those of its converter: `ssm_a` is `-exp(logA)`, and rows that are no whole blocks stand in f16, as do the weights that
 * give step sizes where the others are quantised.
 *
 * @throws TypeError that names what these architectures have no place for.
 */
export async function ggufFile(
  files: ModelFiles,
  source: Source,
  planned: readonly Planned[],
  dtype: WeightDType,
): Promise<AsyncGenerator<Uint8Array>> {
  const fail = (what: string) => new TypeError(`Cannot convert "${files.name}" to GGUF: ${what}`);
  const shapes = new Map(planned.map(({ path, parameter }) => [path, parameter.shape]));
  const { architecture, fields } = architectureFields(source, shapes, fail);
  const tensors = planned.map((each) => ggufTensor(each, { architecture, dtype }, fail));
  const vocabSize = shapes.get("backbone.embedding.weight")![0];
  const metadata = {
    "general.architecture": { string: architecture },
    "general.type": { string: "model" },
    "general.name": { string: files.name },
    ...fields,
    "general.file_type": { u32: FILE_TYPES[dtype] },
    "general.quantization_version": { u32: 2 },
    ...(await ggufTokenizer(files, { architecture, vocabSize, config: source.config }, fail)),
  };
  return pieces(metadata, tensors);
}

async function* pieces(
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): AsyncGenerator<Uint8Array> {
  const { start, paddings } = ggufHeader(metadata, tensors);
  yield start;
  for (const [i, { content }] of tensors.entries()) {
    yield* content();
    yield new Uint8Array(paddings[i]);
  }
}

type Fail = (what: string) => TypeError;

/** The metadata of an architecture, from the config and the shapes of the first layer. */
function architectureFields(
  { type, config }: Source,
  shapes: ReadonlyMap<string, Shape>,
  fail: Fail,
): { readonly architecture: "mamba" | "mamba2"; readonly fields: Record<string, GgufValue> } {
  const architecture = ({ mamba: "mamba", "state-spaces/Mamba1": "mamba", mamba2: "mamba2" } as const)[type];
  if (architecture === undefined) throw fail(`it has no architecture for "${type}"; known are "mamba", "mamba2"`);
  const first = (part: string): Shape => {
    const shape = shapes.get(`backbone.layers.0.mixer.${part}`);
    if (shape === undefined) throw fail(`the first layer has no "${part}"`);
    return shape;
  };
  const [, dModel] = shapes.get("backbone.embedding.weight")!;
  const [, dInner] = first("outProj.weight");
  const [channels, , dConv] = first("conv1d.weight");
  const layers = [...shapes.keys()].filter((path) => path.endsWith(".mixer.logA")).length;
  const key = (name: string) => `${architecture}.${name}`;
  const stack: Record<string, GgufValue> = {
    [key("context_length")]: { u32: 2 ** 20 },
    [key("embedding_length")]: { u32: dModel },
    [key("feed_forward_length")]: { u32: 0 },
    [key("attention.head_count")]: { u32: 0 },
    [key("block_count")]: { u32: layers },
    [key("ssm.conv_kernel")]: { u32: dConv },
    [key("ssm.inner_size")]: { u32: dInner },
    [key("attention.layer_norm_rms_epsilon")]: { f32: config.positive("layer_norm_epsilon", 1e-5) },
  };
  if (architecture === "mamba") {
    const fields = {
      [key("ssm.state_size")]: { u32: first("logA")[1] },
      [key("ssm.time_step_rank")]: { u32: first("deltaProj.weight")[1] },
      [key("ssm.dt_b_c_rms")]: { bool: false },
    };
    return { architecture, fields: { ...stack, ...fields } };
  }
  const groups = config.int("n_groups", { fallback: 8 });
  if (groups !== 1) {
    throw fail(
      `"n_groups" is ${groups}, and llama.cpp would norm each group on its own where this model norms all as one`,
    );
  }
  const limits = JSON.stringify(config.raw("time_step_limit") ?? null);
  if (!["null", '[0,{"__float__":"Infinity"}]'].includes(limits)) {
    throw fail(`"time_step_limit" is ${limits}, and it has no limits of step sizes`);
  }
  const fields = {
    [key("ssm.state_size")]: { u32: (channels - dInner) / 2 },
    [key("ssm.time_step_rank")]: { u32: first("logA")[0] },
    [key("ssm.group_count")]: { u32: 1 },
  };
  return { architecture, fields: { ...stack, ...fields } };
}

interface Wanted {
  readonly architecture: "mamba" | "mamba2";
  readonly dtype: WeightDType;
}

function ggufTensor(planned: Planned, wanted: Wanted, fail: Fail): GgufTensor {
  const { path, parameter, name } = planned;
  const [, layer, part = ""] = /^backbone\.layers\.(\d+)\.(.*)$/.exec(path) ?? [];
  const known = layer === undefined ? MODEL_NAMES[path] : LAYER_NAMES[part];
  if (known === undefined) throw fail(`it has no place for tensor "${name}"`);
  const unsuited = part === "mixer.deltaProj.weight" || parameter.shape[parameter.shape.length - 1] % BLOCK !== 0;
  const narrow = part === "mixer.deltaProj.weight" ? wanted.dtype : parameter.dtype;
  const dtype = isBlocks(narrow) && unsuited ? "f16" : (parameter.dtype as WeightDType);
  return {
    name: layer === undefined ? known : `blk.${layer}.${known}`,
    dtype,
    shape: ggufShape(part, parameter.shape, wanted.architecture),
    content: () => contentOf(planned, dtype),
  };
}

/** Convolutions lose their axis of one; Mamba-2 has a column for each head and a row for each group. */
function ggufShape(part: string, shape: Shape, architecture: "mamba" | "mamba2"): Shape {
  if (part === "mixer.conv1d.weight") return [shape[0], shape[2]];
  if (architecture === "mamba2" && (part === "mixer.logA" || part === "mixer.D")) return [shape[0], 1];
  if (part === "mixer.norm.weight") return [1, shape[0]];
  return shape;
}

async function* contentOf(planned: Planned, dtype: WeightDType): AsyncGenerator<Uint8Array> {
  const { path, parameter } = planned;
  const [out, inner] = parameter.shape;
  let rowsLeft = out;
  for await (const piece of exactly(planned, dtype)) {
    if (isBlocks(dtype)) {
      const rows = Math.min(rowsLeft, GROUP_ROWS * (piece.byteLength / rowUnit(dtype, parameter.shape).bytes));
      rowsLeft -= rows;
      yield unpackBlocks(piece, [rows, inner], dtype);
    } else if (path.endsWith(".logA")) {
      yield bytesOf(toFloat32(piece, "f32").map((log) => -Math.exp(log)));
    } else {
      yield piece;
    }
  }
}
