import { readFileSync } from "node:fs";
import { viewAs } from "@elapid/tensor";

/** Numbers with their shape, row major. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/**
 * Reads the tensors of a safetensors file whose values are float32 or int32. Golden data is read by these
 * lines and not by the loaders, so that a mistake there cannot hide itself here.
 *
 * @throws SyntaxError if a tensor has another type.
 */
export function readSafetensors(path: string): ReadonlyMap<string, Values> {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, Values>();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    if (dtype !== "F32" && dtype !== "I32") {
      throw new SyntaxError(`Cannot read "${path}": tensor "${name}" is ${dtype} but F32 or I32 was needed`);
    }
    // a copy, so that it is aligned
    const bytes = new Uint8Array(file.subarray(start + offsets[0], start + offsets[1]));
    tensors.set(name, { shape, data: viewAs(dtype === "I32" ? "i32" : "f32", bytes) });
  }
  return tensors;
}
