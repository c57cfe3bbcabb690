import { memorySource, type ByteSource } from "./bytes.ts";
import { FetchError } from "./errors.ts";
import { openBytes } from "./open.ts";
import { openUrl } from "./url.ts";

/** Told while a file arrives whole at its opening. */
export type OnDownload = (loaded: number, total: number | undefined) => void;

/** Where the files of a model are. */
export interface Folder {
  /** What messages call it. */
  readonly name: string;
  /** The files in it, where that can be known. */
  readonly files: readonly string[] | undefined;
  /** Opens a file, or gives `undefined` if there is none of this name. */
  open(file: string, signal: AbortSignal | undefined, onDownload: OnDownload): Promise<ByteSource | undefined>;
}

/** A folder behind an `http(s)` URL; the query of the URL, such as a token, goes to each file. */
export function urlFolder(location: string | URL): Folder {
  const base = new URL(location);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return {
    name: base.origin + base.pathname,
    files: undefined,
    async open(file, signal, onDownload) {
      const url = new URL(file.split("/").map(encodeURIComponent).join("/"), base);
      url.search = base.search;
      return openUrl(url, { signal, onDownload }).catch((error: unknown) => {
        if (error instanceof FetchError && error.status === 404) return undefined;
        throw error;
      });
    },
  };
}

/** Files given one by one: memory, files dropped on a page, URLs. */
export function mapFolder(files: Readonly<Record<string, URL | Uint8Array | Blob>>): Folder {
  const byName = new Map(Object.entries(files));
  return {
    name: "the given files",
    files: [...byName.keys()],
    async open(file, signal, onDownload) {
      const content = byName.get(file);
      if (content === undefined) return undefined;
      return content instanceof URL
        ? openBytes(content, { name: file, signal, onDownload })
        : memorySource(content, file);
    },
  };
}
