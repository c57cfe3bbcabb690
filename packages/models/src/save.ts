import { safetensorsPieces, writeWholeFolder, type Pieces, type WriteOptions } from "@elapid/loaders";
import { checkpointName, type CausalModel } from "./define.ts";
import { architectureOf, modelTypeOf } from "./registry.ts";

/**
 * Writes a model as a folder that `load` opens: `model.safetensors` and the `config.json` that it was built from.
 *
 * ```ts
 * const model = languageModel(config, seeded(device, 7));
 * await saveModel("my-model", model, languageModelConfig(config));
 * ```
 *
 * @throws TypeError if the config names no architecture.
 * @throws Error if something is at the destination already and `force` is not given, or it cannot be written.
 */
export async function saveModel(
  destination: string | URL,
  model: CausalModel,
  config: Readonly<Record<string, unknown>>,
  options: WriteOptions = {},
): Promise<void> {
  const { names } = await architectureOf(modelTypeOf(config, "config.json"), "config.json");
  const tensors = [...model.parameters()].map(async ([path, tensor]) => {
    return [checkpointName(path, names), { dtype: "f32", shape: tensor.shape, data: await tensor.data() }] as const;
  });
  const weights = safetensorsPieces(new Map(await Promise.all(tensors)), { format: "pt" });
  const json = `${JSON.stringify(config, undefined, 2)}\n`;
  const files = new Map<string, Pieces>([
    ["model.safetensors", weights],
    ["config.json", [new TextEncoder().encode(json)]],
  ]);
  await writeWholeFolder(destination, files, options);
}
