import type { StoredDType, TensorInfo } from "@elapid/loaders";
import { BLOCK, formatShape, GROUP_ROWS, recordBytes, type DType, type Shape, type WeightDType } from "@elapid/tensor";
import type { ConfigReader } from "./config.ts";

/**
 * Quantised weights in a checkpoint. Safetensors has no type for blocks, so weights `out in` stand under their own name
 * as the bytes that a device holds, type U8, shape `[⌈out / 8⌉, ⌈in / 32⌉, record]`: groups of eight rows, blocks of 32
 * neighbours, records of 272 bytes in q8 and 144 in q4 (`blocks.ts` of the tensor package). The last size tells the two
 * apart, and `quantization_config` of `config.json` says that there are such tensors, and which version of this page
 * they follow.
 */
const METHOD = "elapid";
const VERSION = 1;

type BlockDType = "q8" | "q4";

/** Types of numbers that weights may be stored in. */
export const FLOATS: readonly StoredDType[] = ["f32", "f16", "bf16", "f64"];

export function isBlocks(dtype: StoredDType | DType): dtype is BlockDType {
  return dtype === "q8" || dtype === "q4";
}

/** Shape of the U8 tensor that stands for weights `out in`. */
export function blockShape(dtype: BlockDType, [out, inner]: Shape): Shape {
  return [Math.ceil(out / GROUP_ROWS), Math.ceil(inner / BLOCK), recordBytes(dtype)];
}

/** How a parameter of a shape is stored in a tensor of a file; `undefined` if that tensor does not stand for it. */
export function storedAs({ dtype, shape }: TensorInfo, wanted: Shape): StoredDType | BlockDType | undefined {
  if (FLOATS.includes(dtype)) return formatShape(shape) === formatShape(wanted) ? dtype : undefined;
  if (dtype !== "u8" || wanted.length !== 2) return undefined;
  return (["q8", "q4"] as const).find((blocks) => formatShape(blockShape(blocks, wanted)) === formatShape(shape));
}

/** What `config.json` says of weights stored as `dtype`: what readers of them, and transformers, look for. */
export function describeStored(dtype: WeightDType): Readonly<Record<string, unknown>> {
  const names = { f32: "float32", f16: "float16", bf16: "bfloat16", q8: "float32", q4: "float32" } as const;
  return {
    dtype: names[dtype],
    ...(isBlocks(dtype) && { quantization_config: { quant_method: METHOD, version: VERSION, dtype } }),
  };
}

/**
 * The type that quantised weights were stored in, out of a config; `undefined` if they are not quantised.
 *
 * @throws TypeError if another program, or a later version, quantised them.
 */
export function quantisedAs(config: ConfigReader): BlockDType | undefined {
  if ((config.raw("quantization_config") ?? undefined) === undefined) return undefined;
  const quantization = config.object("quantization_config");
  quantization.oneOf("quant_method", [METHOD], "");
  quantization.int("version", { max: VERSION });
  return quantization.oneOf("dtype", ["q8", "q4"], "") as BlockDType;
}
