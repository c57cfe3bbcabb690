import { open } from "node:fs/promises";

/** A value of GGUF's metadata, with the type that it is written as. */
export type GgufValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly i32s: readonly number[] };

/** A float32 tensor. `shape` is row major; the file wants the fastest dimension first. */
export interface GgufTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: () => Promise<Float32Array>;
}

const ALIGNMENT = 32;
const TYPES = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

/** Writes a GGUF file (version 3) of float32 tensors, one tensor in memory at a time. */
export async function writeGguf(
  path: string,
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Promise<void> {
  const header = new Bytes();
  header.text("GGUF").u32(3).u64(tensors.length).u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) writeValue(header.string(key), value);
  let offset = 0;
  for (const { name, shape } of tensors) {
    header.string(name).u32(shape.length);
    for (const length of shape.toReversed()) header.u64(length);
    header.u32(0).u64(offset); // type 0 is F32
    offset = align(offset + 4 * shape.reduce((a, b) => a * b, 1));
  }
  const start = align(header.length);
  const file = await open(path, "w");
  try {
    await file.write(header.done(), 0, undefined, 0);
    let position = start;
    for (const { data } of tensors) {
      const values = await data();
      await file.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 0, undefined, position);
      position = align(position + values.byteLength);
    }
    await file.truncate(position);
  } finally {
    await file.close();
  }
}

function writeValue(out: Bytes, value: GgufValue): void {
  if ("u32" in value) out.u32(TYPES.u32).u32(value.u32);
  else if ("f32" in value) out.u32(TYPES.f32).f32(value.f32);
  else if ("bool" in value) out.u32(TYPES.bool).u8(value.bool ? 1 : 0);
  else if ("string" in value) out.u32(TYPES.string).string(value.string);
  else if ("strings" in value) {
    out.u32(TYPES.array).u32(TYPES.string).u64(value.strings.length);
    for (const text of value.strings) out.string(text);
  } else {
    out.u32(TYPES.array).u32(TYPES.i32).u64(value.i32s.length);
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
