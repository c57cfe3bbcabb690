import { open, rm, stat } from "node:fs/promises";

const STALE = 30_000; // milliseconds; what is locked takes a few

/** Runs something while no other process that asks for the same file does; a lock that was left behind is taken over. */
export async function locked<T>(file: string, run: () => Promise<T>): Promise<T> {
  const lock = `${file}.lock`;
  for (;;) {
    try {
      await (await open(lock, "wx")).close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > STALE) await rm(lock, { force: true });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  try {
    return await run();
  } finally {
    await rm(lock, { force: true });
  }
}
