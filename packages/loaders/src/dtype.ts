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

// bits are moved as integers: writing a NaN as a float may lose its payload

function floatsOfHalves(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length);
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i];
    const sign = (half & 0x8000) << 16;
    const magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) {
      bits[i] = sign | 0x7f800000 | ((magnitude & 0x3ff) << 13); // infinite or NaN
    } else if (magnitude >= 0x0400) {
      bits[i] = sign | ((magnitude << 13) + ((127 - 15) << 23));
    } else {
      // subnormal: the mantissa counts steps of 2^-24
      out[i] = magnitude * 2 ** -24;
      bits[i] |= sign;
    }
  }
  return out;
}

function floatsOfBrains(brains: Uint16Array): Float32Array {
  const bits = new Uint32Array(brains.length);
  for (let i = 0; i < brains.length; i++) bits[i] = brains[i] << 16;
  return new Float32Array(bits.buffer);
}

function halfOfFloat(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff); // NaN, made quiet
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 65536 and more
  if (magnitude >= 0x38800000) {
    // normal: the carry of rounding runs into the exponent, and from 65520 on into infinity
    const rebased = magnitude - ((127 - 15) << 23);
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  const shift = 126 - (magnitude >>> 23); // 14 at 2^-14, one more for each halving
  if (shift > 24) return sign; // below half of the smallest subnormal
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const half = 1 << (shift - 1);
  return sign | ((mantissa + half - 1 + ((mantissa >>> shift) & 1)) >>> shift);
}

function brainOfFloat(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40; // NaN, made quiet
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
