import { convertModel, type ConvertOptions } from "@elapid/models";
import type { OpenModelOptions } from "@elapid/loaders";
import { openDevice } from "./open-device.ts";
import { openSource, type ModelSource } from "./load.ts";

export interface ConvertModelOptions extends Omit<ConvertOptions, "device">, Omit<OpenModelOptions, "signal"> {
  /** Threads that round to q8 and q4. Default: as many as `load` would take. */
  readonly threads?: number | undefined;
}

/**
 * Writes a model with another type of weights: a Hugging Face folder, or a GGUF file where `destination` ends in `.gguf`.
 *
 * ```ts
 * await convert("@elapid/stories", "stories-q4", { dtype: "q4" });
 * using lm = await load("stories-q4");
 * ```
 *
 * @throws ModelNotFoundError if there is no model at `source`.
 * @throws TypeError, SyntaxError or RangeError naming file and tensor that do not fit, or cannot be expressed.
 * @throws Error if something is at the destination already, unless `force` is given, or it cannot be written.
 */
export async function convert(
  source: ModelSource,
  destination: string | URL,
  { threads, ...options }: ConvertModelOptions,
): Promise<void> {
  const { dtype, signal, onProgress, revision } = options;
  const files = await openSource(source, {
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
    ...(revision !== undefined && { revision }),
  });
  try {
    if (dtype !== "q8" && dtype !== "q4") return await convertModel(files, destination, options);
    using device = await openDevice("wasm", { kernels: [], ...(threads !== undefined && { threads }) });
    await convertModel(files, destination, { ...options, device });
  } finally {
    await files.close();
  }
}
