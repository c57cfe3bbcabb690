import { defineOp, ints, type ReferenceCall, type Tensor } from "@elapid/tensor";
import { turn } from "./rope.ts";

/** A position is read as so many digits of this base, the lowest first: positions up to 2^24. */
const LEVELS = 4;
const DIGITS = 64;

/**
 * Declaration of cosine and sine of the angles by which positions turn. Each digit of a position, in base `digits`, has a turn in the
 * tables; the turn of the position is their product:
 *
 *     cos[r] + i sin[r] = product over l of (cosDigits + i sinDigits)[l, digit l of position[r]]
 *
 * So positions stay on the device, which need not be able to take sines of large angles, and tables are small.
 */
export const ropeAngles = defineOp({
  name: "rope.angles",
  inputs: { position: ints("..."), cosDigits: "levels digits pairs", sinDigits: "levels digits pairs" },
  outputs: { cos: "... pairs", sin: "... pairs" },
  reference: anglesReference,
});

function anglesReference({
  dims: { rows, levels, digits, pairs },
  inputs: { position, cosDigits, sinDigits },
  outputs: { cos, sin },
}: ReferenceCall<"rows levels digits pairs", "position:i32 cosDigits sinDigits", "cos sin">): void {
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < pairs; i++) {
      let [re, im] = [1, 0];
      for (let l = 0, rest = position[r]; l < levels; l++, rest = Math.floor(rest / digits)) {
        const at = (l * digits + (rest % digits)) * pairs + i;
        [re, im] = [re * cosDigits[at] - im * sinDigits[at], re * sinDigits[at] + im * cosDigits[at]];
      }
      cos[r * pairs + i] = re;
      sin[r * pairs + i] = im;
    }
  }
}

/** The tables of `ropeAngles` for a number of pairs and a base of wavelengths, as `rope` turns: "levels digits pairs". */
export function ropeDigits(pairs: number, theta = 10_000): { readonly cos: Float32Array; readonly sin: Float32Array } {
  const angles = Float64Array.from({ length: LEVELS * DIGITS * pairs }, (_, at) => {
    const digit = Math.floor(at / pairs);
    return (digit % DIGITS) * DIGITS ** Math.floor(digit / DIGITS) * theta ** (-(at % pairs) / pairs);
  });
  return { cos: Float32Array.from(angles, Math.cos), sin: Float32Array.from(angles, Math.sin) };
}

/**
 * Rotary position embedding of "batch time heads headDim" at integer positions "batch time", with `digits` the tables of `ropeDigits`,
 * each "4 64 pairs". Otherwise as `rope`.
 */
export function ropeAt(x: Tensor, position: Tensor, digits: { readonly cos: Tensor; readonly sin: Tensor }): Tensor {
  const { batch, time, heads, headDim } = x.dims("batch time heads headDim");
  const { cos, sin } = ropeAngles({
    position: position.reshape([batch * time]),
    cosDigits: digits.cos,
    sinDigits: digits.sin,
  });
  return turn(x.reshape([1, batch * time, heads, headDim]), cos, sin, false).reshape(x.shape);
}

/** Shape of each table of `ropeDigits`. */
export const ropeDigitsShape = (pairs: number): readonly number[] => [LEVELS, DIGITS, pairs];
