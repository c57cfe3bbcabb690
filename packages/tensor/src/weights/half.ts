/** Sixteen-bit floats. Bits are moved as integers: writing a NaN as a float may lose its payload. */

/** f16 as float32, exactly. */
export function floatsOfHalves(halves: Uint16Array): Float32Array {
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

/** The number that an f16 stands for, given as bits; it is finite. */
export function floatOfHalf(half: number): number {
  const exponent = (half >> 10) & 31;
  const mantissa = half & 0x3ff;
  const magnitude = exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * POWERS[exponent];
  return half & 0x8000 ? -magnitude : magnitude;
}

/** Steps of the mantissa, by exponent. */
const POWERS = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (exponent - 25));

/** bf16 as float32, exactly. */
export function floatsOfBrains(brains: Uint16Array): Float32Array {
  const bits = new Uint32Array(brains.length);
  for (let i = 0; i < brains.length; i++) bits[i] = brains[i] << 16;
  return new Float32Array(bits.buffer);
}

/** The bits of the f16 nearest to a float32, given as bits; ties go to even, what is too large becomes infinite. */
export function halfOfFloat(bits: number): number {
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

/** The bits of the bf16 nearest to a float32, given as bits; ties go to even. */
export function brainOfFloat(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40; // NaN, made quiet
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
