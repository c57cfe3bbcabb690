/**
 * Makes `model/` from a folder that transformers saved in float32:
 *
 *     node --conditions=@elapid/source packages/stories/convert.ts FOLDER
 *
 * Matrices become float16. What is small and feeds the recurrence or a norm stays float32: rounding it
 * would save 70 kB and shift every step of the state.
 */
import { fromFloat32, openModelFiles, toFloat32, writeSafetensors, type TensorData } from "@elapid/loaders";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

const KEPT = /(A_log|\.D|conv1d\.(weight|bias)|dt_proj\.bias|norm(_f)?\.weight)$/;

const [folder] = process.argv.slice(2);
if (!folder) throw new TypeError("Cannot convert: no folder given; usage: convert.ts FOLDER");
const out = join(import.meta.dirname, "model");
await mkdir(out, { recursive: true });

const readJson = async (name: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(folder, name), "utf8"));

async function write(name: string, content: string | Uint8Array): Promise<void> {
  const path = join(out, name);
  await writeFile(`${path}.tmp`, content);
  await rename(`${path}.tmp`, path);
}

const files = await openModelFiles(folder);
const weights = await files.weights();
const tensors = new Map<string, TensorData>();
for (const [name, { dtype, shape }] of weights.tensors) {
  const values = toFloat32(await weights.read(name), dtype);
  const kind = KEPT.test(name) ? "f32" : "f16";
  tensors.set(name, { dtype: kind, shape, data: fromFloat32(values, kind) });
}
await files.close();
await write("model.safetensors", writeSafetensors(tensors, { format: "pt" }));

const config = await readJson("config.json");
await write("config.json", `${JSON.stringify({ ...config, dtype: "float16" }, null, 2)}\n`);
await write("tokenizer.json", JSON.stringify(await readJson("tokenizer.json")));
await write("tokenizer_config.json", `${JSON.stringify(await readJson("tokenizer_config.json"), null, 2)}\n`);

const { bos_token_id, eos_token_id, pad_token_id } = config;
const sampling = { do_sample: true, max_new_tokens: 256, temperature: 0.7, top_p: 0.9 };
await write(
  "generation_config.json",
  `${JSON.stringify({ bos_token_id, eos_token_id, pad_token_id, ...sampling }, null, 2)}\n`,
);
