import { filePath, listFolder, openFile } from "./file.ts";
import type { Folder } from "./folders.ts";

/** A folder on disk, or `undefined` if there is none. */
export async function diskFolder(path: string | URL): Promise<Folder | undefined> {
  const files = await listFolder(path);
  if (!files) return undefined;
  const { join } = await import("node:path");
  const name = await filePath(path);
  return {
    name,
    files,
    async open(file) {
      return openFile(join(name, file)).catch((error: Error & { code?: string }) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      });
    },
  };
}
