import { ModelNotFoundError, quote } from "./errors.ts";
import { mapFolder, urlFolder, type Folder } from "./folders.ts";
import { hasFileSystem } from "./has-file-system.ts";
import { isHttp } from "./open.ts";

/**
 * Where a model is: a folder, a file of weights with `config.json` and `tokenizer.json` beside it, an
 * `http(s)` URL of either, or the files themselves.
 */
export type ModelLocation = string | URL | { readonly files: Readonly<Record<string, URL | Uint8Array | Blob>> };

/** Looked for in this order. */
const WEIGHTS = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
];
const WEIGHTS_FILE = /\.(?:safetensors|bin|pt|pth|ckpt|gguf|index\.json)$/i;

/**
 * Finds the folder of a model, and the files that may be its weights, the first one first.
 *
 * @throws ModelNotFoundError if there is no such folder or file.
 */
export async function locate(
  location: ModelLocation,
  revision: string | undefined,
): Promise<{ folder: Folder; candidates: readonly string[] }> {
  if (typeof location === "object" && !(location instanceof URL)) {
    const folder = mapFolder(location.files);
    const others = Object.keys(location.files).filter((file) => WEIGHTS_FILE.test(file) && !WEIGHTS.includes(file));
    return { folder, candidates: [...WEIGHTS, ...others] };
  }
  if (isHttp(location)) {
    const url = new URL(location);
    const file = weightsFileOf(url.pathname);
    if (file === undefined) return { folder: urlFolder(url), candidates: WEIGHTS };
    const parent = new URL(".", url);
    parent.search = url.search;
    return { folder: urlFolder(parent), candidates: [unescaped(file)] };
  }
  if (!hasFileSystem()) throw noSuchPlace(String(location), revision);

  // a page has no files, and loads nothing that reads them
  const [{ filePath }, { diskFolder }] = await Promise.all([import("./file.ts"), import("./disk-folder.ts")]);
  const path = await filePath(location);
  const folder = await diskFolder(path);
  if (folder) return { folder, candidates: WEIGHTS };
  const file = weightsFileOf(path);
  const around = file === undefined ? undefined : await diskFolder(path.slice(0, -file.length) || ".");
  if (file === undefined || !around?.files?.includes(file)) throw noSuchPlace(String(location), revision);
  return { folder: around, candidates: [file] };
}

function unescaped(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The last segment of a path, if it names a file of weights. */
function weightsFileOf(path: string): string | undefined {
  const last = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  return WEIGHTS_FILE.test(last) ? last : undefined;
}

// The hub is asked from here once it can be: a Folder over its files, beside diskFolder and urlFolder.
function noSuchPlace(location: string, revision: string | undefined): ModelNotFoundError {
  const isHubId = /^[\w-][\w.-]*\/[\w.-]+$/.test(location);
  const at = revision === undefined ? "" : ` (revision ${quote(revision)})`;
  const what = hasFileSystem() ? "there is no such folder or file" : "this runtime has no file system";
  const hub = isHubId ? `, and models${at} are not fetched from the hub yet` : "";
  const advice = hasFileSystem()
    ? "; download it and give its folder, or give the URL of its files"
    : "; give the URL of its files, or the files themselves";
  const hint = isHubId || !hasFileSystem() ? advice : "";
  return new ModelNotFoundError(`Cannot open ${quote(location)}: ${what}${hub}${hint}`, { location });
}
