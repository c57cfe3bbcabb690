import { filePath } from "./file.ts";
import { makeFolder } from "./make-folder.ts";

/** The content of a file, piece by piece. */
export type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Options of {@link writeWhole}. */
export interface WriteOptions {
  /** Replaces files that are there. Default `false`. */
  readonly force?: boolean;
  /** Rejects the writing with the signal's reason when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes a file that is there whole or not at all: under a temporary name beside it, brought to the disk, and renamed.
 * What goes wrong before that, an abort or a full disk, leaves nothing.
 *
 * @throws Error naming the path, if something is there already, or it cannot be written.
 */
export async function writeWholeFile(path: string | URL, content: Pieces, options: WriteOptions = {}): Promise<void> {
  await replacing(path, "file", options, async (temporary, place) => {
    await writePieces(temporary, content, options.signal);
    const { rename } = await import("node:fs/promises");
    await rename(temporary, place);
  });
}

/**
 * Writes a folder of files, as {@link writeWholeFile} writes one. With `force`, where a folder is there, files replace
 * those of their names, in the order given, once all are written; others stay.
 *
 * @throws Error naming the path, if something is there already, or it cannot be written.
 */
export async function writeWholeFolder(
  path: string | URL,
  files: ReadonlyMap<string, Pieces>,
  options: WriteOptions = {},
): Promise<void> {
  await replacing(path, "folder", options, async (temporary, place) => {
    const { mkdir, rename } = await import("node:fs/promises");
    const { join } = await import("node:path");
    await mkdir(temporary);
    for (const [file, pieces] of files) await writePieces(join(temporary, file), pieces, options.signal);
    if ((await kindOf(place)) === undefined) await rename(temporary, place);
    else for (const file of files.keys()) await rename(join(temporary, file), join(place, file));
  });
}

/** Runs work that writes to a temporary place and moves it to the place meant; nothing stays at the temporary one. */
async function replacing(
  path: string | URL,
  kind: "file" | "folder",
  { force = false }: WriteOptions,
  work: (temporary: string, place: string) => Promise<void>,
): Promise<void> {
  const { rm } = await import("node:fs/promises");
  const { dirname, resolve } = await import("node:path");
  const place = resolve(await filePath(path));
  const temporary = `${place}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    await checkFree(path, kind, force);
    await makeFolder(dirname(place));
    try {
      await work(temporary, place);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  } catch (error) {
    if (!isSystem(error)) throw error;
    throw new Error(`Cannot write "${path}": ${reasons[error.code] ?? error.message}`, { cause: error });
  }
}

/**
 * Refuses a place that something is at: best asked before work goes into what would be written there.
 *
 * @throws Error naming the path.
 */
export async function checkFree(path: string | URL, kind: "file" | "folder", force: boolean): Promise<void> {
  const there = await kindOf(await filePath(path));
  if (there === undefined) return;
  if (there !== kind) throw new Error(`Cannot write "${path}": a ${there} is there, but a ${kind} was to be written`);
  if (!force) throw new Error(`Cannot write "${path}": it exists; --force, or the option force, replaces it`);
}

async function kindOf(path: string): Promise<"file" | "folder" | undefined> {
  const { stat } = await import("node:fs/promises");
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch (error) {
    if (isSystem(error) && ["ENOENT", "ENOTDIR"].includes(error.code)) return undefined;
    throw error;
  }
}

async function writePieces(path: string, pieces: Pieces, signal: AbortSignal | undefined): Promise<void> {
  const { open } = await import("node:fs/promises");
  const file = await open(path, "wx");
  try {
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      await file.writeFile(piece);
    }
    signal?.throwIfAborted();
    await file.sync();
  } finally {
    await file.close();
  }
}

function isSystem(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && "syscall" in error && "code" in error;
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "there is no space left on the disk",
  EACCES: "permission denied",
  EROFS: "the disk is read-only",
  ENOTDIR: "a part of the path is a file",
  EEXIST: "a part of the path is a file",
};
