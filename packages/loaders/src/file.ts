import { allocate, checkRange, type ByteSource } from "./bytes.ts";
import { hasFileSystem } from "./has-file-system.ts";

// between two slices of a long read, progress is told and an abort is seen
const SLICE_BYTES = 16 * 2 ** 20;

/**
 * A file on disk as a source.
 *
 * @throws TypeError in a runtime without a file system.
 * @throws Error if the file is missing or unreadable; its `code` is that of the system (`ENOENT`, `EACCES`).
 */
export async function openFile(path: string | URL): Promise<ByteSource> {
  const name = await filePath(path);
  const { open } = await import("node:fs/promises");
  const handle = await open(name).catch((error: unknown) => {
    throw fileError(name, error);
  });
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    throw fileError(name, stat.isDirectory() ? { code: "EISDIR" } : { message: "not a regular file" });
  }
  const size = stat.size;

  return {
    name,
    size,
    async read(offset, length, { signal, onBytes, into } = {}) {
      signal?.throwIfAborted();
      checkRange(name, size, offset, length);
      const bytes = allocate(name, length, into);
      for (let done = 0; done < length;) {
        const slice = Math.min(SLICE_BYTES, length - done);
        const { bytesRead } = await handle.read(bytes, done, slice, offset + done);
        signal?.throwIfAborted();
        if (bytesRead === 0) {
          throw new RangeError(`Cannot read "${name}": it ends at byte ${offset + done}, it had ${size} when opened`);
        }
        done += bytesRead;
        onBytes?.(done);
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/**
 * Names of the files in a folder, or `undefined` if the path is no folder.
 *
 * @throws Error if the folder cannot be read.
 */
export async function listFolder(path: string | URL): Promise<readonly string[] | undefined> {
  const name = await filePath(path);
  const { readdir } = await import("node:fs/promises");
  try {
    return await readdir(name);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as { code?: string }).code ?? "")) return undefined;
    throw fileError(name, error);
  }
}

/** A path, or a `file:` URL as a path. */
export async function filePath(path: string | URL): Promise<string> {
  if (!hasFileSystem()) {
    throw new TypeError(`Cannot open "${path}": this runtime has no file system, give a URL or a File`);
  }
  if (typeof path === "string" && !path.startsWith("file:")) return path;
  const { fileURLToPath } = await import("node:url");
  return fileURLToPath(path);
}

const reasons: Record<string, string> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a folder, not a file",
  EMFILE: "too many open files",
};

function fileError(name: string, cause: unknown): Error {
  const { code = "", message } = cause as { code?: string; message?: string };
  const error = new Error(`Cannot open "${name}": ${reasons[code] ?? message}`, { cause });
  return Object.assign(error, { code });
}
