import { formatShape, sizeOf, type Shape } from "./shape.ts";
import { blockBytes, GROUP_ROWS } from "./weights/blocks.ts";

/** Element types that the weights of a product, `out in`, or a table of embeddings may have; all but `f32` are for these only. */
export const weightDTypes = ["f32", "f16", "bf16", "q8", "q4"] as const;

export type WeightDType = (typeof weightDTypes)[number];

/** Types whose elements lie one behind the other, row major, in 4 bytes each: all but those of weights only. */
export type PlainDType = "f32" | "i32";

/** Element types that a tensor on a device may have. Sums and states are `f32` whatever the weights. */
export type DType = WeightDType | PlainDType;

/** The array that holds a dtype's values on the host: weights of whatever type come as float32. */
export type ArrayOf<D extends DType> = D extends "i32" ? Int32Array : Float32Array;

export function isPlain(dtype: DType): dtype is PlainDType {
  return dtype === "f32" || dtype === "i32";
}

/**
 * Rows of a tensor that lie in bytes of their own, and those bytes: memory may be cut between such units only.
 * The bytes are a multiple of 4.
 */
export function rowUnit(dtype: DType, shape: Shape): { readonly rows: number; readonly bytes: number } {
  const row = shape.length > 1 ? (shape[shape.length - 1] ?? 1) : 1;
  switch (dtype) {
    case "f32":
    case "i32":
      return { rows: 1, bytes: row * 4 };
    case "f16":
    case "bf16":
      return row % 2 === 0 ? { rows: 1, bytes: row * 2 } : { rows: 2, bytes: row * 4 };
    case "q8":
    case "q4":
      return { rows: GROUP_ROWS, bytes: blockBytes(dtype, GROUP_ROWS, row) };
    default:
      return dtype satisfies never;
  }
}

/**
 * Bytes of a tensor, rounded up to a multiple of 4.
 *
 * @throws TypeError if `shape` is none that blocks can have: those are of matrices, `out in`.
 */
export function byteLength(dtype: DType, shape: Shape): number {
  switch (dtype) {
    case "f32":
    case "i32":
      return sizeOf(shape) * 4;
    case "f16":
    case "bf16":
      return Math.ceil(sizeOf(shape) / 2) * 4;
    case "q8":
    case "q4": {
      if (shape.length !== 2) {
        throw new TypeError(
          `Cannot make a tensor: ${dtype} weights are "out in" but the shape is ${formatShape(shape)}`,
        );
      }
      return blockBytes(dtype, shape[0], shape[1]);
    }
    default:
      return dtype satisfies never;
  }
}

/** Views little-endian bytes as numbers, copying only where the bytes are not aligned. */
export function viewAs<D extends PlainDType>(dtype: D, bytes: Uint8Array): ArrayOf<D> {
  const whole = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const length = whole.byteLength / 4;
  const view =
    dtype === "i32"
      ? new Int32Array(whole.buffer, whole.byteOffset, length)
      : new Float32Array(whole.buffer, whole.byteOffset, length);
  return view as ArrayOf<D>;
}

/** The bytes behind an array of numbers, without a copy. */
export function bytesOf(array: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
