import { BLOCK, type WeightDType } from "@elapid/tensor";
import { quote } from "./errors.ts";

/** A value of GGUF's metadata, with the type that it is written as. */
export type GgufValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly i32s: readonly number[] };

const VALUE_TYPES = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

/** Our dtypes in the words of ggml: its number of the type, and the bytes of a block of so many numbers. */
const ggml = {
  f32: { id: 0, block: 1, bytes: 4 },
  f16: { id: 1, block: 1, bytes: 2 },
  bf16: { id: 30, block: 1, bytes: 2 },
  q8: { id: 8, block: BLOCK, bytes: 2 + BLOCK }, // Q8_0
  q4: { id: 2, block: BLOCK, bytes: 2 + BLOCK / 2 }, // Q4_0
} as const satisfies Record<WeightDType, object>;

/** A tensor of a GGUF file; `shape` is row major, and the last axis of `q8` and `q4` a multiple of 32. */
export interface GgufTensorInfo {
  readonly name: string;
  readonly dtype: WeightDType;
  readonly shape: readonly number[];
}

const ALIGNMENT = 32;

/**
 * The start of a GGUF file, version 3, up to the first tensor. The tensors follow in their order, each followed by its
 * `paddings` of zero bytes.
 *
 * @throws RangeError if the rows of a quantised tensor are no whole blocks.
 */
export function ggufHeader(
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensorInfo[],
): { readonly start: Uint8Array; readonly paddings: readonly number[] } {
  const out = new Bytes();
  out.text("GGUF").u32(3).u64(tensors.length).u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) writeValue(out.string(key), value);
  let offset = 0;
  const paddings = tensors.map(({ name, dtype, shape }) => {
    const { id, block, bytes: blockBytes } = ggml[dtype];
    const row = shape[shape.length - 1] ?? 1;
    if (row % block !== 0) {
      throw new RangeError(
        `Cannot write GGUF: tensor ${quote(name)} is ${dtype} but its rows of ${row} are no multiple of ${block}`,
      );
    }
    out.string(name).u32(shape.length);
    for (const length of shape.toReversed()) out.u64(length); // the fastest axis first
    out.u32(id).u64(offset);
    const bytes = (shape.reduce((a, b) => a * b, 1) / block) * blockBytes;
    const padding = align(bytes) - bytes;
    offset += bytes + padding;
    return padding;
  });
  out.zeros(align(out.length) - out.length);
  return { start: out.done(), paddings };
}

function writeValue(out: Bytes, value: GgufValue): void {
  if ("u32" in value) out.u32(VALUE_TYPES.u32).u32(value.u32);
  else if ("f32" in value) out.u32(VALUE_TYPES.f32).f32(value.f32);
  else if ("bool" in value) out.u32(VALUE_TYPES.bool).u8(value.bool ? 1 : 0);
  else if ("string" in value) out.u32(VALUE_TYPES.string).string(value.string);
  else if ("strings" in value) {
    out.u32(VALUE_TYPES.array).u32(VALUE_TYPES.string).u64(value.strings.length);
    for (const text of value.strings) out.string(text);
  } else {
    out.u32(VALUE_TYPES.array).u32(VALUE_TYPES.i32).u64(value.i32s.length);
    for (const number of value.i32s) out.u32(number);
  }
}

function align(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

/** Little-endian bytes that grow. */
class Bytes {
  #buffer = new Uint8Array(1 << 16);
  #view = new DataView(this.#buffer.buffer);
  length = 0;

  u8(value: number): this {
    const at = this.#claim(1);
    this.#view.setUint8(at, value);
    return this;
  }
  u32(value: number): this {
    const at = this.#claim(4);
    this.#view.setUint32(at, value, true);
    return this;
  }
  u64(value: number): this {
    const at = this.#claim(8);
    this.#view.setBigUint64(at, BigInt(value), true);
    return this;
  }
  f32(value: number): this {
    const at = this.#claim(4);
    this.#view.setFloat32(at, value, true);
    return this;
  }
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    const at = this.#claim(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }
  string(value: string): this {
    return this.u64(new TextEncoder().encode(value).length).text(value);
  }
  zeros(count: number): this {
    this.#claim(count);
    return this;
  }
  done(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  #claim(bytes: number): number {
    const at = this.length;
    this.length += bytes;
    if (this.length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(2 * this.#buffer.length, this.length));
      larger.set(this.#buffer);
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}
