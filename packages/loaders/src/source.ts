import type { ByteSource } from "./bytes.ts";
import { ModelNotFoundError, quote } from "./errors.ts";
import type { Folder } from "./folders.ts";
import { decodeUtf8, parseJson } from "./json.ts";
import { locate, type ModelLocation } from "./locate.ts";
import { openWeights } from "./open.ts";
import { observed, ProgressCounter, type LoadProgress } from "./progress.ts";
import { openShards } from "./shards.ts";
import type { Weights } from "./weights.ts";

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
  const { onProgress, signal, revision } = options;
  signal?.throwIfAborted();
  const { folder, candidates } = await locate(location, revision);
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

  const read = async (file: string): Promise<{ name: string; content: string } | undefined> => {
    const opened = await open(file);
    if (!opened) return undefined;
    const { source } = opened;
    try {
      return { name: source.name, content: decodeUtf8(await source.read(0, source.size), source.name) };
    } finally {
      await source.close();
      openSources.delete(source);
    }
  };

  const weightsIn = async (file: string): Promise<Weights | undefined> => {
    const opened = await open(file);
    if (!opened) return undefined;
    const { source, counter } = opened;
    return completing(await openWeights(source), () => counter.add(0, source.size, source.size));
  };

  return {
    name: folder.name,
    async json(file) {
      const found = await read(file);
      return found && parseJson(found.content, found.name);
    },
    async text(file) {
      return (await read(file))?.content;
    },
    async weights() {
      for (const file of candidates) {
        if (!file.endsWith(".json")) {
          const weights = await weightsIn(file);
          if (weights) return weights;
          continue;
        }
        const index = await read(file);
        if (index) return openShards(index.name, parseJson(index.content, index.name), weightsIn);
      }
      throw notFound(folder, candidates);
    },
    async close() {
      await Promise.all([...openSources].map((source) => source.close()));
      openSources.clear();
    },
  };
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
