import type { ModelFiles, StoredDType } from "@elapid/loaders";
import { blank } from "@elapid/nn";
import { Device, type Tensor } from "@elapid/tensor";
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
  /** Bytes that one sequence carries from token to token, however long it is. */
  readonly stateBytes: number;
  /** Bytes of the parameters on a device, by the type that their matrices would have there. */
  readonly memoryBytes: Readonly<Record<"f32" | "f16" | "q8" | "q4", number>>;
}

/** Bytes a number: quantised types store a scale of two bytes with every 32. */
const widths = { f32: 4, f16: 2, q8: 34 / 32, q4: 18 / 32 } as const;

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
  const model = architecture.configure(readConfig(json, "config.json"))(blank(device));
  const parameters = [...model.parameters()];
  const { layers } = model.forward(device.zeros([1, 1], "i32"), { logits: "none" });

  const { tensors } = await files.weights();
  const storedBytes: Partial<Record<StoredDType, number>> = {};
  for (const { dtype, byteLength } of tensors.values()) storedBytes[dtype] = (storedBytes[dtype] ?? 0) + byteLength;
  // embedding, projections and head may be narrow; what feeds the recurrence or a norm stays float32
  const isNarrow = (path: string, { shape }: Tensor) => path.endsWith(".weight") && shape.length === 2;
  const memory = (width: number) =>
    Math.ceil(
      parameters.reduce((sum, [path, tensor]) => sum + tensor.size * (isNarrow(path, tensor) ? width : widths.f32), 0),
    );
  return {
    name: files.name,
    modelType,
    parameterCount: parameters.reduce((sum, [, { size }]) => sum + size, 0),
    tensorCount: tensors.size,
    storedBytes,
    stateBytes: new State(layers, 1).byteLength,
    memoryBytes: { f32: memory(widths.f32), f16: memory(widths.f16), q8: memory(widths.q8), q4: memory(widths.q4) },
  };
}
