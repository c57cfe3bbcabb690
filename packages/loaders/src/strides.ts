/**
 * Whether elements with these strides lie in row-major order without gaps. Strides count elements; that of
 * an axis of size 1 does not matter.
 */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/** Elements from the first to the last that a strided tensor touches, both included; 0 if it is empty. */
export function strideExtent(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((extent, size, axis) => extent + (size - 1) * strides[axis], 1);
}

/**
 * Copies the elements `[from, to)`, counted in row-major order, of a strided tensor that begins at
 * `source[0]` into one piece.
 */
export function gatherStrided(
  source: Uint8Array,
  { shape, strides, width }: { shape: readonly number[]; strides: readonly number[]; width: number },
  from: number,
  to: number,
): Uint8Array {
  const out = new Uint8Array((to - from) * width);
  const index = shape.map(() => 0);
  let rest = from;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = rest % shape[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  let element = index.reduce((sum, at, axis) => sum + at * strides[axis], 0);
  for (let at = 0; at < out.byteLength; at += width) {
    for (let byte = 0; byte < width; byte++) out[at + byte] = source[element * width + byte];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      element += strides[axis];
      if (++index[axis] < shape[axis]) break;
      element -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}
