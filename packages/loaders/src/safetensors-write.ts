import { byteLengthOf } from "./weights.ts";
import type { StoredDType } from "./dtype.ts";
import { dtypeWidth } from "./dtype.ts";
import { quote } from "./errors.ts";
import { safetensorsDTypes } from "./safetensors.ts";

/** A tensor to be written. */
export interface TensorData {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** The numbers, row major, little-endian: for example a `Float32Array` for `f32`. */
  readonly data: ArrayBufferView;
}

const names = new Map([...safetensorsDTypes].map(([name, dtype]) => [dtype, name]));

/**
 * The start of a safetensors file, up to the first tensor, and the order in which the tensors have to follow. Wide
 * dtypes come first, which keeps every tensor aligned.
 *
 * @throws RangeError if a shape is none, or a tensor is named `__metadata__`.
 */
export function safetensorsHeader(
  tensors: ReadonlyMap<string, Pick<TensorData, "dtype" | "shape">>,
  metadata: Readonly<Record<string, string>> = {},
): { readonly start: Uint8Array; readonly order: readonly string[] } {
  const entries = [...tensors];
  entries.sort(([a, { dtype: x }], [b, { dtype: y }]) => dtypeWidth(y) - dtypeWidth(x) || (a < b ? -1 : 1));
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) header.set("__metadata__", metadata);
  let end = 0;
  for (const [tensor, { dtype, shape }] of entries) {
    if (tensor === "__metadata__") {
      throw new RangeError('Cannot write safetensors: a tensor cannot be named "__metadata__"');
    }
    const bytes = byteLengthOf(dtype, shape);
    if (bytes === undefined) {
      throw new RangeError(`Cannot write safetensors: tensor ${quote(tensor)} has shape [${shape.join(", ")}]`);
    }
    const begin = end;
    end += bytes;
    header.set(tensor, { dtype: names.get(dtype), shape, data_offsets: [begin, end] });
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const padded = Math.ceil(json.byteLength / 8) * 8;
  const start = new Uint8Array(8 + padded).fill(0x20);
  new DataView(start.buffer).setBigUint64(0, BigInt(padded), true);
  start.set(json, 8);
  return { start, order: entries.map(([tensor]) => tensor) };
}

/**
 * A safetensors file in pieces, so that writing one copies no tensor: the header, then each tensor.
 *
 * @throws RangeError if the data of a tensor does not fit its shape, or a tensor is named `__metadata__`.
 */
export function* safetensorsPieces(
  tensors: Readonly<Record<string, TensorData>> | ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  const all = new Map(tensors instanceof Map ? tensors : Object.entries(tensors as Record<string, TensorData>));
  for (const [tensor, { dtype, shape, data }] of all) {
    if (byteLengthOf(dtype, shape) === data.byteLength) continue;
    throw new RangeError(
      `Cannot write safetensors: tensor ${quote(tensor)} has ${data.byteLength} bytes, not those of ${dtype} [${shape.join(", ")}]`,
    );
  }
  const { start, order } = safetensorsHeader(all, metadata);
  yield start;
  for (const tensor of order) {
    const { data } = all.get(tensor)!;
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

/**
 * A safetensors file as bytes.
 *
 * ```ts
 * writeSafetensors({ logits: { dtype: "f32", shape: [2, 3], data: new Float32Array(6) } });
 * ```
 *
 * @throws RangeError if the data of a tensor does not fit its shape, or a tensor is named `__metadata__`.
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorData>> | ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const pieces = [...safetensorsPieces(tensors, metadata)];
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}
