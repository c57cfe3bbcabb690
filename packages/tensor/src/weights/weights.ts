import type { WeightDType } from "../dtype.ts";
import type { Shape } from "../shape.ts";
import { GROUP_ROWS, recordBytes, type BlockDType } from "./blocks.ts";
import { brainOfFloat, floatsOfBrains, floatsOfHalves, halfOfFloat } from "./half.ts";
import { dequantise, quantise } from "./quantise.ts";

/**
 * Numbers as the bytes of weights of a dtype, which `device.write` takes. A multiple of eight rows of a matrix gives the
 * bytes that it has in the whole.
 *
 * @throws RangeError for a number that the dtype cannot hold. NaN and infinity only f32 and bf16 can.
 */
export function encodeWeights(values: Float32Array, shape: Shape, dtype: WeightDType): Uint8Array {
  switch (dtype) {
    case "f32":
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case "f16":
    case "bf16": {
      const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
      const narrow = new Uint16Array(2 * Math.ceil(values.length / 2));
      const round = dtype === "f16" ? halfOfFloat : brainOfFloat;
      for (let i = 0; i < values.length; i++) narrow[i] = round(bits[i]);
      const bytes = new Uint8Array(narrow.buffer);
      if (dtype === "f16") checkHalves(bytes);
      return bytes;
    }
    case "q8":
    case "q4":
      return quantise(values, [shape[0], shape[1]], dtype);
    default:
      return dtype satisfies never;
  }
}

/** The numbers of weights of a dtype. */
export function decodeWeights(bytes: Uint8Array, shape: Shape, dtype: WeightDType): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const size = shape.reduce((product, length) => product * length, 1);
  switch (dtype) {
    case "f32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "f16":
      return floatsOfHalves(new Uint16Array(buffer, byteOffset, size));
    case "bf16":
      return floatsOfBrains(new Uint16Array(buffer, byteOffset, size));
    case "q8":
    case "q4":
      return dequantise(bytes, [shape[0], shape[1]], dtype);
    default:
      return dtype satisfies never;
  }
}

/**
 * Checks that the scales of blocks are finite: kernels take them to be.
 *
 * @throws RangeError that says how far into `bytes` one is not.
 */
export function checkScales(bytes: Uint8Array, dtype: BlockDType): void {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const record = recordBytes(dtype) / 2;
  for (let at = 0; at < halves.length; at += record) {
    for (let line = 0; line < GROUP_ROWS; line++) {
      if ((halves[at + line] & 0x7c00) !== 0x7c00) continue;
      throw new RangeError(
        `Cannot store weights as ${dtype}: a number in the block at byte ${2 * at} is not finite, or too large`,
      );
    }
  }
}

/**
 * Checks that f16 numbers are finite: kernels take them to be, as the instructions that would see to it cost them time.
 *
 * @throws RangeError that names the first that is not.
 */
export function checkHalves(bytes: Uint8Array): void {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  for (let i = 0; i < halves.length; i++) {
    if ((halves[i] & 0x7c00) === 0x7c00) {
      throw new RangeError(
        `Cannot store weights as f16: number ${i} is not finite, or too large; bf16 and f32 hold it`,
      );
    }
  }
}
