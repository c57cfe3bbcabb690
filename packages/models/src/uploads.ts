import { toFloat32, type Weights } from "@elapid/loaders";
import { quantise } from "@elapid/ops";
import { bytesOf, checkHalves, encodeWeights, rowUnit, type Tensor } from "@elapid/tensor";

interface UploadOptions {
  /** Where chunks are read to. */
  readonly buffer: Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The bytes of a stored tensor as a parameter holds them, piece by piece; a piece is valid until the next one is asked for.
 *
 * @throws RangeError that names the tensor if the parameter's dtype cannot hold one of its numbers.
 */
export async function* uploads(
  parameter: Tensor,
  weights: Weights,
  name: string,
  { buffer, signal }: UploadOptions,
): AsyncGenerator<Uint8Array, void> {
  const { dtype, byteLength } = weights.tensors.get(name)!;
  const wanted = parameter.dtype;
  const chunks = weights.chunks(name, { ...(signal && { signal }), buffer });
  if (wanted === "f32" || wanted === "i32") {
    for await (const chunk of chunks) yield dtype === "f32" ? chunk : bytesOf(toFloat32(chunk, dtype));
    return;
  }
  const { shape } = parameter;
  const row = shape[shape.length - 1] ?? 1;
  // rows are stored together in units, which a piece must not cut
  const unit = rowUnit(wanted, shape).rows * row * (byteLength / parameter.size);
  const lot = Math.max(1, Math.floor(buffer.byteLength / unit)) * unit;
  for await (const stored of inLots(chunks, Math.min(lot, byteLength))) {
    try {
      if (dtype !== wanted) {
        const values = toFloat32(stored, dtype);
        const part = [values.length / row, row] as const;
        yield wanted === "q8" || wanted === "q4"
          ? await quantise(parameter.device, values, part, wanted)
          : encodeWeights(values, part, wanted);
      } else {
        const bytes = padded(stored);
        if (wanted === "f16") checkHalves(bytes);
        yield bytes;
      }
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
