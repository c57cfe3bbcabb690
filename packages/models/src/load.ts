import type { ModelFiles, Weights } from "@elapid/loaders";
import { blank } from "@elapid/nn";
import { Device, formatShape, type Tensor, type WeightDType } from "@elapid/tensor";
import { createTokenizer, type Tokenizer } from "@elapid/tokenizers";
import { readConfig } from "./config.ts";
import { checkpointName, type Architecture, type CausalModel, type KernelPart } from "./define.ts";
import { LanguageModel } from "./language-model.ts";
import { PaperBackend } from "./paper.ts";
import { architectureOf, modelTypeOf } from "./registry.ts";
import { FLOATS, quantisedAs, storedAs } from "./stored.ts";
import { uploads } from "./uploads.ts";

export interface LoadModelOptions {
  /** Rejects the loading with the signal's reason when it aborts, and frees what was loaded. */
  readonly signal?: AbortSignal | undefined;
  /** Type that the matrices of the model have on the device; the rest is f32. Default: that of quantised weights, else `"f32"`. */
  readonly dtype?: WeightDType | undefined;
}

/** Opens a device with kernels of what the layers of a model mix by, to belong to the model. */
export type OpenFor = (parts: readonly KernelPart[]) => Promise<Device>;

const CONFIG = "config.json";

/**
 * Builds the model that a checkpoint's `config.json` names and fills it from its weights, tensor by
 * tensor: at no time are weights held twice.
 *
 * @throws TypeError or SyntaxError that names the file, and the field or tensor, that does not fit.
 */
export async function loadModel(
  files: ModelFiles,
  device: Device | OpenFor,
  options: LoadModelOptions = {},
): Promise<LanguageModel> {
  const { signal } = options;
  const { json, type, architecture, config, build, dtype: stored } = await openArchitecture(files);
  const { dtype = stored ?? "f32" } = options;
  const tokenizer = await loadTokenizer(files);
  const generation = await files.json("generation_config.json");
  const weights = await files.weights();
  try {
    // what the config asks for is held against the file before anything is allocated for it
    checkParameters(build(blank(new Device(new PaperBackend()), dtype)), architecture, weights);
    const parts = { name: files.name, type, json, generation, dtype, tokenizer };
    if (device instanceof Device) {
      const model = await filledModel(device);
      return new LanguageModel({ ...parts, device, model, ownsDevice: false });
    }
    const owned = await device(architecture.parts(config));
    try {
      return new LanguageModel({ ...parts, device: owned, model: await filledModel(owned), ownsDevice: true });
    } catch (error) {
      owned.dispose();
      throw error;
    }
  } finally {
    await weights.close();
  }

  async function filledModel(device: Device): Promise<CausalModel> {
    const model = allocated(device, () => build(blank(device, dtype)));
    try {
      await fillParameters(model, architecture, weights, signal);
      model.freeze();
    } catch (error) {
      model.dispose();
      throw error;
    }
    return model;
  }
}

/** What `config.json` says: the architecture, what builds it, and the dtype of weights that are stored quantised. */
export async function openArchitecture(files: ModelFiles) {
  const json = await files.json(CONFIG);
  if (json === undefined) throw new TypeError(`Cannot load "${files.name}": there is no ${CONFIG} beside the weights`);
  const type = modelTypeOf(json, CONFIG);
  const architecture = await architectureOf(type, CONFIG);
  const config = readConfig(json, CONFIG);
  return { json, type, architecture, config, build: architecture.configure(config), dtype: quantisedAs(config) };
}

async function loadTokenizer(files: ModelFiles): Promise<Tokenizer | undefined> {
  const tokenizer = await files.json("tokenizer.json");
  if (tokenizer === undefined) return undefined;
  const config = await files.json("tokenizer_config.json");
  const chatTemplate = await files.text("chat_template.jinja");
  return createTokenizer({ tokenizer, config, chatTemplate });
}

/** Builds a model whole, or frees what was made of it: memory may run out in the middle. */
function allocated(device: Device, build: () => CausalModel): CausalModel {
  using scope = device.scope();
  const model = build();
  for (const [, parameter] of model.parameters()) scope.keep(parameter);
  return model;
}

type Naming = Pick<Architecture, "names" | "ignored">;

function byCheckpointName(model: CausalModel, { names }: Naming): Map<string, Tensor> {
  return new Map([...model.parameters()].map(([path, tensor]) => [checkpointName(path, names), tensor]));
}

/** Checks that names, dtypes and shapes of a file are those of a model. */
export function checkParameters(model: CausalModel, naming: Naming, weights: Weights): void {
  const parameters = byCheckpointName(model, naming);
  checkNames(parameters, weights, naming.ignored ?? []);
  for (const [name, parameter] of parameters) checkTensor(name, parameter, weights);
}

/** Copies every parameter from the checkpoint to the device, after checking that names, dtypes and shapes all fit. */
export async function fillParameters(
  model: CausalModel,
  naming: Naming,
  weights: Weights,
  signal?: AbortSignal,
): Promise<void> {
  checkParameters(model, naming, weights);
  const parameters = byCheckpointName(model, naming);
  const buffer = new Uint8Array(4 * 2 ** 20);
  for (const [name, parameter] of parameters) {
    let offset = 0;
    for await (const bytes of uploads(parameter, weights, name, { buffer, signal })) {
      parameter.device.write(parameter, bytes, offset);
      offset += bytes.byteLength;
    }
    // a queue that uploads must not pile up copies of the weights
    await parameter.device.finish();
  }
}

function checkNames(parameters: ReadonlyMap<string, Tensor>, weights: Weights, ignored: readonly string[]): void {
  const missing = [...parameters.keys()].filter((name) => !weights.tensors.has(name));
  const surplus = [...weights.tensors.keys()].filter((name) => !parameters.has(name) && !ignored.includes(name));
  if (missing.length > 0) {
    throw new TypeError(
      `Cannot load "${weights.name}": ${count(missing)} asked for by the config but missing: ${list(missing)}${
        surplus.length > 0 ? `; not asked for: ${list(surplus)}` : ""
      }`,
    );
  }
  if (surplus.length > 0) {
    throw new TypeError(
      `Cannot load "${weights.name}": ${count(surplus)} in it but not part of the model that the config describes: ${list(surplus)}`,
    );
  }
}

function checkTensor(name: string, parameter: Tensor, weights: Weights): void {
  const info = weights.tensors.get(name)!;
  if (storedAs(info, parameter.shape) !== undefined) return;
  const { dtype, shape } = info;
  if (!FLOATS.includes(dtype)) {
    throw new TypeError(
      `Cannot load "${weights.name}": tensor "${name}" is ${dtype} but one of ${FLOATS.join(", ")} was needed`,
    );
  }
  throw new TypeError(
    `Cannot load "${weights.name}": tensor "${name}" has shape ${formatShape(shape)} but the config asks for ${formatShape(parameter.shape)}`,
  );
}

function count(names: readonly string[]): string {
  return names.length === 1 ? "1 tensor is" : `${names.length} tensors are`;
}

function list(names: readonly string[]): string {
  const shown = names
    .slice(0, 5)
    .map((name) => `"${name}"`)
    .join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}
