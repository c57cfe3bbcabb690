/**
 * Copies from a tree of reference numbers what GGUF files hold that gguf-py 0.19 wrote by the rules of llama.cpp's
 * converter: `node --conditions=@elapid/source golden/gguf/copy.ts TREE`. `mamba.json` describes two files of the model
 * in `golden/training/mamba` with the tokenizer in `golden/tokenizers/bytelevel`, and has a hash of every tensor; `blocks.safetensors` has blocks of each type with their values.
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeSafetensors, type TensorData } from "@elapid/loaders";
import { readGguf } from "../../packages/testing/src/gguf.ts";
import { readSafetensors } from "../../packages/testing/src/safetensors.ts";

const [tree] = process.argv.slice(2);
if (tree === undefined) throw new TypeError("usage: copy.ts TREE");

const files = ["F32", "F16"].map((type) => {
  const { metadata, tensors } = readGguf(join(tree, `gguf/mamba.${type}.gguf`));
  const described = [...tensors].map(([name, { type, shape, bytes }]) => {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { name, type, shape, sha256 };
  });
  // of long lists a hash
  const short = [...metadata].map(([key, value]) => {
    const json = JSON.stringify(value);
    return [key, json.length < 1000 ? value : { sha256: createHash("sha256").update(json).digest("hex") }];
  });
  return [type, { metadata: Object.fromEntries(short), tensors: described }];
});
writeFileSync(join(import.meta.dirname, "mamba.json"), `${JSON.stringify(Object.fromEntries(files), undefined, 1)}\n`);

const { tensors } = readGguf(join(tree, "gguf/quant_types.gguf"));
const values = readSafetensors(join(tree, "gguf/quant_types.expected.safetensors"));
const content: Record<string, TensorData> = {};
for (const type of ["f16", "bf16", "q8_0", "q4_0"]) {
  const { bytes } = tensors.get(type)!;
  content[`${type}.bytes`] = { dtype: "u8", shape: [bytes.length], data: bytes };
  const { shape, data } = values.get(type)!;
  content[`${type}.values`] = { dtype: "f32", shape, data };
}
writeFileSync(join(import.meta.dirname, "blocks.safetensors"), writeSafetensors(content));
