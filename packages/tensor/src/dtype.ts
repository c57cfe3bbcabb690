/** Element types that a tensor on a device may have. Sums and states are `f32` whatever the weights. */
export type DType = "f32" | "i32";

/** The array that holds a dtype's values on the host. */
export type ArrayOf<D extends DType> = D extends "i32" ? Int32Array : Float32Array;

/** Bytes of one element. */
export function byteWidth(dtype: DType): number {
  switch (dtype) {
    case "f32":
    case "i32":
      return 4;
    default:
      return dtype satisfies never;
  }
}

/** Views little-endian bytes as numbers, copying only where the bytes are not aligned. */
export function viewAs<D extends DType>(dtype: D, bytes: Uint8Array): ArrayOf<D> {
  const whole = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const length = whole.byteLength / byteWidth(dtype);
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
