import type { ByteSource } from "./bytes.ts";
import { ModelNotFoundError, quote } from "./errors.ts";
import { filePath, hasFileSystem } from "./file.ts";
import { diskFolder, mapFolder, urlFolder, type Folder } from "./folders.ts";
import { decodeUtf8, parseJson } from "./json.ts";
import { isHttp, openWeights } from "./open.ts";
import { observed, ProgressCounter, type LoadProgress } from "./progress.ts";
import { openShards } from "./shards.ts";
import type { Weights } from "./weights.ts";

/**
 * Where a model is: a folder, a file of weights with `config.json` and `tokenizer.json` beside it, an
 * `http(s)` URL of either, or the files themselves.
 */
export type ModelLocation = string | URL | { readonly files: Readonly<Record<string, URL | Uint8Array | Blob>> };

/** Options of {@link openModelFiles}. */
export interface OpenModelOptions {
  /** Told as bytes of a file are read. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Rejects the opening, and everything read later, with the signal's reason when it aborts. */
  readonly signal?: AbortSignal;
  /** Branch, tag or commit of a model on the hub. */
  readonly revision?: string;
}

/** The files of a model. */
export interface ModelFiles {
  /** What messages call it. */
  readonly name: string;
  /**
   * A JSON file such as `config.json`; `undefined` if there is none.
   *
   * @throws SyntaxError if it is malformed.
   */
  json(file: string): Promise<unknown>;
  /** A text file; `undefined` if there is none. */
  text(file: string): Promise<string | undefined>;
  /**
   * Opens the weights; only their headers are read. Closing the model files closes them too.
   *
   * @throws ModelNotFoundError saying which files were looked for, if there are none.
   * @throws SyntaxError if they are malformed.
   */
  weights(): Promise<Weights>;
  /** Closes what is open. */
  close(): Promise<void>;
}

/** Looked for in this order. */
const WEIGHTS = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
];
const WEIGHTS_FILE = /\.(?:safetensors|bin|pt|pth|ckpt|gguf|index\.json)$/i;

/**
 * Opens the files of a model, wherever they are, without reading any.
 *
 * ```ts
 * const files = await openModelFiles("./mamba-130m-hf");
 * const config = await files.json("config.json");
 * const weights = await files.weights();
 * ```
 *
 * @throws ModelNotFoundError if there is no such folder or file.
 */
export async function openModelFiles(location: ModelLocation, options: OpenModelOptions = {}): Promise<ModelFiles> {
  const { onProgress, signal } = options;
  signal?.throwIfAborted();
  const { folder, candidates } = await locate(location, options);
  const openSources = new Set<ByteSource>();

  const open = async (file: string): Promise<{ source: ByteSource; counter: ProgressCounter } | undefined> => {
    checkFileName(folder, file);
    signal?.throwIfAborted();
    const counter = new ProgressCounter(file, onProgress);
    const source = await folder.open(file, signal, (loaded, total) => {
      if (total !== undefined) counter.add(0, loaded, total);
    });
    if (!source) return undefined;
    const counted = observed(source, counter, signal);
    openSources.add(counted);
    return { source: counted, counter };
  };

  const text = async (file: string): Promise<string | undefined> => {
    const opened = await open(file);
    if (!opened) return undefined;
    const { source } = opened;
    try {
      return decodeUtf8(await source.read(0, source.size), source.name);
    } finally {
      await source.close();
      openSources.delete(source);
    }
  };

  const json = async (file: string): Promise<unknown> => {
    const content = await text(file);
    return content === undefined ? undefined : parseJson(content, `${folder.name}: ${file}`);
  };

  const weightsIn = async (file: string): Promise<Weights | undefined> => {
    const opened = await open(file);
    return (
      opened &&
      completing(await openWeights(opened.source), () => opened.counter.add(0, opened.source.size, opened.source.size))
    );
  };

  return {
    name: folder.name,
    json,
    text,
    async weights() {
      for (const file of candidates) {
        if (!file.endsWith(".json")) {
          const weights = await weightsIn(file);
          if (weights) return weights;
          continue;
        }
        const index = await json(file);
        if (index !== undefined) return openShards(`${folder.name}: ${file}`, index, weightsIn);
      }
      throw notFound(folder, candidates);
    },
    async close() {
      await Promise.all([...openSources].map((source) => source.close()));
      openSources.clear();
    },
  };
}

async function locate(
  location: ModelLocation,
  { revision }: OpenModelOptions,
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
    return { folder: urlFolder(parent), candidates: [decodeURIComponent(file)] };
  }
  if (!hasFileSystem()) throw noSuchPlace(String(location), revision);

  const path = await filePath(location);
  const folder = await diskFolder(path);
  if (folder) return { folder, candidates: WEIGHTS };
  const file = weightsFileOf(path);
  const around = file === undefined ? undefined : await diskFolder(path.slice(0, -file.length) || ".");
  if (file === undefined || !around?.files?.includes(file)) throw noSuchPlace(String(location), revision);
  return { folder: around, candidates: [file] };
}

/** The last segment of a path, if it names a file of weights. */
function weightsFileOf(path: string): string | undefined {
  const last = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  return WEIGHTS_FILE.test(last) ? last : undefined;
}

/** A name out of an index file must not lead out of the folder. */
function checkFileName(folder: Folder, file: string): void {
  if (
    file.split("/").some((segment) => segment === "" || segment === "." || segment === "..") ||
    /[\\:\0]/.test(file)
  ) {
    throw new RangeError(`Cannot open ${quote(file)}: it is no name of a file in "${folder.name}"`);
  }
}

/** Weights that report once when each tensor has been read: padding between tensors never is. */
function completing(weights: Weights, onComplete: () => void): Weights {
  const unread = new Set(weights.tensors.keys());
  const done = (tensor: string) => {
    if (unread.delete(tensor) && unread.size === 0) onComplete();
  };
  return {
    ...weights,
    async read(tensor, options) {
      const bytes = await weights.read(tensor, options);
      done(tensor);
      return bytes;
    },
    async *chunks(tensor, options) {
      yield* weights.chunks(tensor, options);
      done(tensor);
    },
  };
}

function notFound(folder: Folder, candidates: readonly string[]): ModelNotFoundError {
  const { name, files } = folder;
  const there = files
    ? `there are ${files.length === 0 ? "no files" : files.slice(0, 20).join(", ")}`
    : "the server answered 404";
  return new ModelNotFoundError(`Cannot open the model in "${name}": looked for ${candidates.join(", ")}; ${there}`, {
    location: name,
    lookedFor: candidates,
  });
}

// The hub is asked from here once it can be: a Folder over its files, beside diskFolder and urlFolder.
function noSuchPlace(location: string, revision: string | undefined): ModelNotFoundError {
  const isHubId = /^[\w-][\w.-]*\/[\w.-]+$/.test(location);
  const at = revision === undefined ? "" : ` (revision ${quote(revision)})`;
  const there = hasFileSystem()
    ? "there is no such folder or file"
    : "this runtime has no file system, give a URL or files";
  const hub = `, and models${at} are not fetched from the hub yet; download it and give its folder, or give the URL of its files`;
  return new ModelNotFoundError(`Cannot open ${quote(location)}: ${there}${isHubId ? hub : ""}`, { location });
}
