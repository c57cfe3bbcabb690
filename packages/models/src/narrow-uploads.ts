import { toFloat32, type Weights } from "@elapid/loaders";
import { quantise } from "@elapid/ops";
import { bytesOf, checkHalves, decodeWeights, encodeWeights, rowUnit, type Tensor } from "@elapid/tensor";
import { isBlocks, storedAs } from "./stored.ts";

/**
 * The bytes of a stored tensor, read in `chunks`, as a parameter holds them where one of the two is not of plain floats: in pieces of
 * whole rows, of about `pieceBytes` in the file.
 *
 * @throws RangeError that names the tensor if the parameter's dtype cannot hold one of its numbers.
 */
export async function* narrowUploads(
  { dtype: wanted, shape, device, size }: Pick<Tensor, "device" | "dtype" | "shape" | "size">,
  weights: Weights,
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  pieceBytes: number,
): AsyncGenerator<Uint8Array, void> {
  const info = weights.tensors.get(name)!;
  const { byteLength } = info;
  const dtype = storedAs(info, shape)!;
  const row = shape[shape.length - 1] ?? 1;
  let rowsLeft = size / row;
  // rows are stored together in units, which a piece must not cut
  const stored = isBlocks(dtype) ? rowUnit(dtype, shape) : undefined;
  const { rows, bytes: unit } = stored ?? {
    rows: rowUnit(wanted, shape).rows,
    bytes: rowUnit(wanted, shape).rows * row * (byteLength / size),
  };
  const units = Math.max(1, Math.floor(pieceBytes / unit));
  for await (const lot of inLots(chunks, Math.min(units * unit, byteLength))) {
    const part = [Math.min(rowsLeft, Math.ceil(lot.byteLength / unit) * rows), row] as const;
    rowsLeft -= part[0];
    try {
      if (dtype === wanted) {
        const bytes = padded(lot);
        if (wanted === "f16") checkHalves(bytes);
        yield bytes;
        continue;
      }
      const values = isBlocks(dtype) ? decodeWeights(lot, part, dtype) : toFloat32(lot, dtype);
      if (isBlocks(wanted)) yield await quantise(device, values, part, wanted);
      else yield wanted === "i32" ? bytesOf(values) : encodeWeights(values, part, wanted);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RangeError(`Cannot load "${weights.name}": tensor "${name}": ${error.message}`, { cause: error });
    }
  }
}

/** The bytes of all chunks in pieces of `lotBytes`, the last one with what is left. */
async function* inLots(chunks: AsyncIterable<Uint8Array>, lotBytes: number): AsyncGenerator<Uint8Array, void> {
  const lot = new Uint8Array(lotBytes);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.byteLength;) {
      const count = Math.min(lotBytes - filled, chunk.byteLength - at);
      const part = chunk.subarray(at, (at += count));
      if (count === lotBytes) {
        yield part;
        continue;
      }
      lot.set(part, filled);
      filled += count;
      if (filled < lotBytes) continue;
      yield lot;
      filled = 0;
    }
  }
  if (filled > 0) yield lot.subarray(0, filled);
}

/** Bytes filled up to a multiple of 4, at an address that is one. */
function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength % 4 === 0 && bytes.byteOffset % 4 === 0) return bytes;
  const whole = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
  whole.set(bytes);
  return whole;
}
