import { replaceFile } from "@elapid/loaders";
import { safetensorsPieces, type TensorData } from "elapid";

/** Writes a safetensors file, whole or not at all. */
export async function saveTensors(
  path: string,
  tensors: Readonly<Record<string, TensorData>> | ReadonlyMap<string, TensorData>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await replaceFile(path, safetensorsPieces(tensors, metadata));
}

/** Writes JSON for people, whole or not at all. */
export async function saveJson(path: string, value: unknown): Promise<void> {
  await replaceFile(path, [`${JSON.stringify(value, null, 2)}\n`]);
}
