import { closest } from "fastest-levenshtein";
import { openModelFiles, type ModelFiles, type ModelLocation, type OpenModelOptions } from "@elapid/loaders";
import { loadModel, type KernelPart, type LanguageModel } from "@elapid/models";
import type { PackagedModel } from "@elapid/stories";
import { Device, weightDTypes, type DeviceKind, type WeightDType } from "@elapid/tensor";
import { openDevice, type OpenDeviceOptions } from "./open-device.ts";

/** A folder, a file or URL of one, the name of a model that comes as a package, or the files themselves. */
export type ModelSource = ModelLocation | PackagedModel;

/** Type of a model's matrices on the device: floats of 32 or 16 bits, or 8 or 4 bits with a scale for each 32 numbers. */
export type ModelDType = WeightDType;

export interface LoadOptions extends OpenDeviceOptions, OpenModelOptions {
  /** Where the model runs, or an open device, which stays the caller's. Default `"auto"`. */
  readonly device?: Device | DeviceKind | "auto";
  /** Type of the matrices on the device, whatever the file stores; the rest is f32. `"auto"`, the default, is that of quantised weights, else `"f32"`. */
  readonly dtype?: ModelDType | "auto";
}

/**
 * Loads a language model and opens the device that it runs on.
 *
 * ```ts
 * using lm = await load("@elapid/stories", { device: "auto" });
 * for await (const piece of lm.generate("Once upon a time", { maxTokens: 200 })) console.log(piece);
 * ```
 *
 * @throws ModelNotFoundError if there is no model at `source`.
 * @throws SyntaxError or TypeError naming the file and the field or tensor that does not fit.
 * @throws UnsupportedError if the device or dtype asked for does not exist here.
 * @throws TypeError for an unknown option, naming the nearest one.
 */
export async function load(source: ModelSource, options: LoadOptions = {}): Promise<LanguageModel> {
  checkNames(options);
  const { device: where = "auto", signal } = options;
  const dtype = resolveDType(options.dtype);
  const files = await openSource(source, options);
  try {
    const device =
      where instanceof Device ? where : (kernels: readonly KernelPart[]) => openDevice(where, { kernels, ...options });
    return await loadModel(files, device, { signal, dtype });
  } finally {
    await files.close();
  }
}

/**
 * Opens the files of a model without reading them, as `load` does before it loads.
 *
 * @throws ModelNotFoundError if there is no model at `source`.
 */
export async function openSource(source: ModelSource, options: OpenModelOptions = {}): Promise<ModelFiles> {
  const found = source === "@elapid/stories" ? (await import("@elapid/stories")).stories : source;
  const files = await openModelFiles(found, options);
  return typeof found === "object" && "name" in found ? { ...files, name: found.name } : files;
}

const known = {
  kernels: true,
  allowSoftware: true,
  device: true,
  dtype: true,
  onNotice: true,
  onProgress: true,
  reason: true,
  revision: true,
  signal: true,
  simd: true,
  strict: true,
  threads: true,
} satisfies Record<keyof LoadOptions, true>;

function checkNames(options: LoadOptions): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    throw new TypeError(
      `Cannot load: there is no option "${name}"; the nearest is "${closest(name, Object.keys(known))}"`,
    );
  }
}

function resolveDType(dtype: LoadOptions["dtype"] = "auto"): WeightDType | undefined {
  if (dtype === "auto") return undefined;
  if (weightDTypes.includes(dtype)) return dtype;
  throw new TypeError(
    `Cannot load in dtype "${String(dtype)}": it is none of "auto", ${weightDTypes.map((name) => `"${name}"`).join(", ")}`,
  );
}
