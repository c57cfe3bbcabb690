import { BLOCK, Blocks, blockBytes, type BlockDType } from "./blocks.ts";
import { floatOfHalf, halfOfFloat } from "./half.ts";

/** Steps by which the number of the largest value may miss the end of the q4 grid, in the search for a scale. */
const STEPS = [0, -0.9, 0.9, -0.45, 0.45];

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/**
 * Weights `out in` as blocks, in the layout of `blocks.ts`.
 *
 * q8 takes the smallest scale whose grid holds the largest value of a block. q4 tries grids on which that value stands
 * at about one end, moves each to the least squares of what it rounds to, and takes the one with the least squared error.
 *
 * @throws RangeError that names the row of a number that is not finite, or too large for an f16 scale.
 */
export function quantise(values: Float32Array, [out, inner]: readonly [number, number], dtype: BlockDType): Uint8Array {
  const bytes = new Uint8Array(blockBytes(dtype, out, inner));
  const blocks = new Blocks(dtype, bytes, inner);
  const numbers = new Float32Array(BLOCK);
  const words = new Uint32Array(BLOCK / 4);
  const encode = dtype === "q8" ? encodeQ8 : encodeQ4;
  for (let row = 0; row < out; row++) {
    for (let first = 0; first < inner; first += BLOCK) {
      const count = Math.min(BLOCK, inner - first);
      if (count < BLOCK) numbers.fill(0);
      for (let i = 0; i < count; i++) numbers[i] = values[row * inner + first + i];
      const scale = encode(numbers, words);
      if (scale === undefined) {
        throw new RangeError(
          `Cannot store weights as ${dtype}: row ${row} has a number among columns ${first} to ${first + count - 1} that is not finite, or too large`,
        );
      }
      blocks.write(row, first / BLOCK, scale, words);
    }
  }
  return bytes;
}

/** The numbers of weights that were stored as blocks. */
export function dequantise(
  bytes: Uint8Array,
  [out, inner]: readonly [number, number],
  dtype: BlockDType,
): Float32Array {
  const whole = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const blocks = new Blocks(dtype, whole, inner);
  const values = new Float32Array(out * inner);
  const words = new Uint32Array(BLOCK / 4);
  for (let row = 0; row < out; row++) {
    for (let first = 0; first < inner; first += BLOCK) {
      const d = floatOfHalf(blocks.read(row, first / BLOCK, words));
      for (let i = 0; i < Math.min(BLOCK, inner - first); i++) {
        const q =
          dtype === "q8"
            ? (words[i >> 2] << (24 - 8 * (i & 3))) >> 24
            : ((words[(i >> 2) & 3] >>> (8 * (i & 3) + (i < 16 ? 0 : 4))) & 15) - 8;
        values[row * inner + first + i] = d * q;
      }
    }
  }
  return values;
}

/** Bits of the f16 nearest to `value`; `undefined` if that is not finite. */
function roundScale(value: number): number | undefined {
  float[0] = value;
  const bits = halfOfFloat(floatBits[0]);
  return (bits & 0x7c00) === 0x7c00 ? undefined : bits;
}

/** The reciprocal of a scale; that of zero is zero, so that its numbers are. */
function reciprocal(scale: number): number {
  const d = floatOfHalf(scale);
  return d === 0 ? 0 : 1 / d;
}

/** The value of the largest magnitude; NaN if there is one. */
function peakOf(x: Float32Array): number {
  let peak = 0;
  let magnitude = 0;
  for (let i = 0; i < BLOCK; i++) {
    const each = Math.abs(x[i]);
    if (each > magnitude) {
      magnitude = each;
      peak = x[i];
    } else if (each !== each) return NaN;
  }
  return peak;
}

function encodeQ8(x: Float32Array, words: Uint32Array): number | undefined {
  const scale = roundScale(Math.abs(peakOf(x)) / 127);
  if (scale === undefined) return undefined;
  const inverse = reciprocal(scale);
  for (let w = 0; w < 8; w++) {
    let word = 0;
    for (let i = 0; i < 4; i++) {
      // rounds, and a scale that was rounded down may ask for one step more than there is
      const above = (x[4 * w + i] * inverse + 128.5) | 0;
      word |= ((above > 255 ? 127 : above < 1 ? -127 : above - 128) & 255) << (8 * i);
    }
    words[w] = word;
  }
  return scale;
}

/** The scale that leaves the least squared error, of those that are tried. */
function bestScale(x: Float32Array, peak: number): number {
  let most = -1;
  let best = 0;
  for (const step of STEPS) {
    const inverse = (-8 - step) / peak;
    let xq = 0;
    let qq = 0;
    for (let i = 0; i < BLOCK; i++) {
      const value = x[i];
      // from -0.4 to 17.4: cutting off the fraction rounds, and only the upper end of the grid has to be kept
      const above = (value * inverse + 8.5) | 0;
      const q = above > 15 ? 7 : above - 8;
      xq += value * q;
      qq += q * q;
    }
    // the best scale for these numbers is xq / qq, and takes xq² / qq off the squared error
    if (xq * xq > most * qq) {
      most = (xq * xq) / qq;
      best = xq / qq;
    }
  }
  return best;
}

function encodeQ4(x: Float32Array, words: Uint32Array): number | undefined {
  const peak = peakOf(x);
  const scale = roundScale(Number.isFinite(peak) && peak !== 0 ? bestScale(x, peak) : peak);
  if (scale === undefined) return undefined;
  const inverse = reciprocal(scale);
  for (let w = 0; w < 4; w++) {
    let word = 0;
    for (let i = 0; i < 4; i++) {
      word |= (nearestQ4(x[4 * w + i] * inverse) | (nearestQ4(x[4 * w + i + 16] * inverse) << 4)) << (8 * i);
    }
    words[w] = word;
  }
  return scale;
}

/** The nearest of 0 to 15 to `steps + 8`. */
function nearestQ4(steps: number): number {
  const q = (steps + 8.5) | 0;
  return q > 15 ? 15 : q < 0 ? 0 : q;
}
