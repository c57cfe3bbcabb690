import { safetensorsPieces, type TensorData } from "elapid";
import { open, rename, rm } from "node:fs/promises";

/** Writes a safetensors file under a temporary name and renames it, so that no half-written one is ever there. */
export async function saveTensors(path: string, tensors: Readonly<Record<string, TensorData>>): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      for (const piece of safetensorsPieces(tensors)) await file.writeFile(piece);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new Error(`Cannot write "${path}": ${(cause as Error).message}`, { cause });
  }
}
