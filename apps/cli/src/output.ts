import { safetensorsPieces, type TensorData } from "elapid";
import { open, rename, rm } from "node:fs/promises";

/** Writes a safetensors file, as {@link saveFile} does. */
export async function saveTensors(
  path: string,
  tensors: Readonly<Record<string, TensorData>> | ReadonlyMap<string, TensorData>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await saveFile(path, safetensorsPieces(tensors, metadata));
}

/** Writes JSON for people, as {@link saveFile} does. */
export async function saveJson(path: string, value: unknown): Promise<void> {
  await saveFile(path, [`${JSON.stringify(value, null, 2)}\n`]);
}

/** Writes a file under a temporary name, flushes it to disk and renames it, so that no half-written one is ever there. */
async function saveFile(path: string, pieces: Iterable<Uint8Array | string>): Promise<void> {
  const temporary = `${path}.partial`; // what a run that was killed left there is written over
  try {
    const file = await open(temporary, "w");
    try {
      for (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new Error(`Cannot write "${path}": ${(cause as Error).message}`, { cause });
  }
}
