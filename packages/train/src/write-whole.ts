/** Writes a file under another name beside it, flushes it to disk and puts it in the place of the one before. */
export async function writeWhole(what: string, path: string, pieces: Iterable<Uint8Array>): Promise<void> {
  const { open, rename, rm } = await import("node:fs/promises");
  const partial = `${path}.partial`;
  try {
    const file = await open(partial, "w");
    try {
      for (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    const { message } = cause as Error;
    throw new Error(`Cannot write ${what} "${path}": ${message}; what was there before is unchanged`, { cause });
  }
}
