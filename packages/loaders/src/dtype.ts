import { brainOfFloat, floatsOfBrains, floatsOfHalves, halfOfFloat } from "@elapid/tensor";

/** Bytes of one number. */
const widths = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u64: 8,
  u32: 4,
  u16: 2,
  u8: 1,
  bool: 1,
} as const;

/** How a number is stored in a file. Everything is little-endian; a `bool` is one byte. */
export type StoredDType = keyof typeof widths;

/** Every {@link StoredDType}. */
export const storedDTypes = Object.keys(widths) as readonly StoredDType[];

/** Bytes of one number. */
export function dtypeWidth(dtype: StoredDType): number {
  return widths[dtype];
}

const wide = { i64: BigInt64Array, u64: BigUint64Array };
const arrays = {
  f64: Float64Array,
  i32: Int32Array,
  i16: Int16Array,
  i8: Int8Array,
  u32: Uint32Array,
  u16: Uint16Array,
  u8: Uint8Array,
};

/**
 * Stored bytes as float32. Every f32, f16, bf16, bool and integer of up to 16 bits comes out exact, the
 * bits of a NaN included; wider numbers are rounded to the nearest float32. The result of `f32` shares
 * memory with `bytes` where their alignment allows.
 *
 * ```ts
 * toFloat32(new Uint8Array([0x00, 0x3c]), "f16"); // Float32Array [1]
 * ```
 *
 * @throws RangeError if the bytes are no whole number of elements.
 */
export function toFloat32(bytes: Uint8Array, dtype: StoredDType): Float32Array {
  const width = dtypeWidth(dtype);
  if (bytes.byteLength % width !== 0) {
    throw new RangeError(`Cannot convert to float32: ${bytes.byteLength} bytes are no whole number of ${dtype}`);
  }
  // a typed array views a shared buffer alike, but the types of its constructors disagree
  const { buffer, byteOffset } = (bytes.byteOffset % width === 0 ? bytes : bytes.slice()) as Uint8Array<ArrayBuffer>;
  const length = bytes.byteLength / width;
  switch (dtype) {
    case "f32":
      return new Float32Array(buffer, byteOffset, length);
    case "f16":
      return floatsOfHalves(new Uint16Array(buffer, byteOffset, length));
    case "bf16":
      return floatsOfBrains(new Uint16Array(buffer, byteOffset, length));
    case "i64":
    case "u64":
      return Float32Array.from(new wide[dtype](buffer, byteOffset, length), Number);
    case "bool":
      return Float32Array.from(bytes, (value) => (value === 0 ? 0 : 1));
    default:
      return new Float32Array(new arrays[dtype](buffer, byteOffset, length));
  }
}

/**
 * float32 as stored bytes, rounded to nearest, ties to even; what is too large becomes infinite and a NaN
 * stays one.
 *
 * ```ts
 * fromFloat32(new Float32Array([1]), "f16"); // Uint8Array [0x00, 0x3c]
 * ```
 */
export function fromFloat32(values: Float32Array, dtype: "f32" | "f16" | "bf16"): Uint8Array {
  if (dtype === "f32") return new Uint8Array(values.slice().buffer);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const narrow = dtype === "f16" ? halfOfFloat : brainOfFloat;
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = narrow(bits[i]);
  return new Uint8Array(out.buffer);
}
