/**
 * Puts a file in the place of the one before, if there was one: whole, or not at all. It is written as `path.partial`, flushed to
 * disk and renamed.
 *
 * @throws Error if it cannot be written, a full disk for example; what was there stays as it was.
 */
export async function replaceFile(path: string, pieces: Iterable<Uint8Array | string>): Promise<void> {
  const { writeFileSync } = await import("node:fs");
  const { open, rename, rm } = await import("node:fs/promises");
  const partial = `${path}.partial`;
  try {
    // made here and now: one that another thread makes may come after a process that ends has tidied up
    writeFileSync(partial, "");
    const file = await open(partial, "r+");
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
    throw new Error(`Cannot write "${path}": ${message}; what was there before is unchanged`, { cause });
  }
}
