import type { ModelFiles, StoredDType } from "@elapid/loaders";
import { blank } from "@elapid/nn";
import { Device, type WeightDType } from "@elapid/tensor";
import { readConfig } from "./config.ts";
import { PaperBackend } from "./paper.ts";
import { architectureOf, modelTypeOf } from "./registry.ts";
import { State } from "./state.ts";

/** What can be said about a model without reading its weights. */
export interface ModelDescription {
  readonly name: string;
  readonly modelType: string;
  /** Numbers that the model is made of; a head tied to the embedding counts once. */
  readonly parameterCount: number;
  /** Tensors in the file, and their bytes by stored type. */
  readonly tensorCount: number;
  readonly storedBytes: Readonly<Partial<Record<StoredDType, number>>>;
  /** Bytes that one sequence carries from token to token, after the first. */
  readonly stateBytes: number;
  /** Bytes more that it carries with each further token: keys and values of attention. */
  readonly stateBytesPerToken: number;
  /** Bytes of the parameters on a device, by the type that their matrices would have there. */
  readonly memoryBytes: Readonly<Record<WeightDType, number>>;
}

/**
 * Describes a model from its config and the headers of its weights.
 *
 * @throws TypeError or SyntaxError that names the file and the field that does not fit.
 */
export async function describeModel(files: ModelFiles): Promise<ModelDescription> {
  const json = await files.json("config.json");
  if (json === undefined)
    throw new TypeError(`Cannot describe "${files.name}": there is no config.json beside the weights`);
  const modelType = modelTypeOf(json, "config.json");
  const architecture = await architectureOf(modelType, "config.json");
  const device = new Device(new PaperBackend());
  const build = architecture.configure(readConfig(json, "config.json"));
  const model = build(blank(device));
  const parameters = [...model.parameters()];
  const stateBytesAfter = (time: number) =>
    new State(model.forward(device.zeros([1, time], "i32"), { logits: "none" }).layers, time).byteLength;
  const stateBytes = stateBytesAfter(1);

  const { tensors } = await files.weights();
  const storedBytes: Partial<Record<StoredDType, number>> = {};
  for (const { dtype, byteLength } of tensors.values()) storedBytes[dtype] = (storedBytes[dtype] ?? 0) + byteLength;
  const memory = (dtype: WeightDType) =>
    [...build(blank(device, dtype)).parameters()].reduce((sum, [, { byteLength }]) => sum + byteLength, 0);
  return {
    name: files.name,
    modelType,
    parameterCount: parameters.reduce((sum, [, { size }]) => sum + size, 0),
    tensorCount: tensors.size,
    storedBytes,
    stateBytes,
    stateBytesPerToken: stateBytesAfter(2) - stateBytes,
    memoryBytes: { f32: memory("f32"), f16: memory("f16"), bf16: memory("bf16"), q8: memory("q8"), q4: memory("q4") },
  };
}
