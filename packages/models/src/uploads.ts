import { toFloat32, type Weights } from "@elapid/loaders";
import { bytesOf, type Tensor } from "@elapid/tensor";
import { isBlocks, storedAs } from "./stored.ts";

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
  parameter: Pick<Tensor, "device" | "dtype" | "shape" | "size">,
  weights: Weights,
  name: string,
  { buffer, signal }: UploadOptions,
): AsyncGenerator<Uint8Array, void> {
  const info = weights.tensors.get(name)!;
  const { dtype: wanted, shape } = parameter;
  const dtype = storedAs(info, shape)!;
  const chunks = weights.chunks(name, { ...(signal && { signal }), buffer });
  if ((wanted === "f32" || wanted === "i32") && !isBlocks(dtype)) {
    for await (const chunk of chunks) yield dtype === "f32" ? chunk : bytesOf(toFloat32(chunk, dtype));
    return;
  }
  // most pages load floats and run them as they are
  const { narrowUploads } = await import("./narrow-uploads.ts");
  yield* narrowUploads(parameter, weights, name, chunks, buffer.byteLength);
}
