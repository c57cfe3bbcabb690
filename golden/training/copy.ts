/**
 * Copies from a tree of reference numbers the model whose training it describes, and what it says of that:
 * `node --conditions=@elapid/source golden/training/copy.ts TREE`. PyTorch's AdamW took the steps
 * (torch 2.13.0, transformers 5.18.0, float32 on a CPU).
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeSafetensors } from "@elapid/loaders";
import { readSafetensors } from "../../packages/testing/src/safetensors.ts";

const [tree] = process.argv.slice(2);
if (tree === undefined) throw new TypeError("usage: copy.ts TREE");
const source = join(tree, "checkpoints/mamba");
const target = join(import.meta.dirname, "mamba");
mkdirSync(target, { recursive: true });
for (const file of ["config.json", "model.safetensors"]) copyFileSync(join(source, file), join(target, file));
const { adamw } = JSON.parse(readFileSync(join(source, "expected.json"), "utf8"));
writeFileSync(join(target, "expected.json"), `${JSON.stringify({ adamw })}\n`);
const tensors = [...readSafetensors(join(source, "expected.safetensors"))]
  .filter(([name]) => name.startsWith("adamw."))
  .map(([name, { shape, data }]) => {
    const dtype = data instanceof Int32Array ? ("i32" as const) : ("f32" as const);
    return [name, { dtype, shape, data }] as const;
  });
writeFileSync(join(target, "expected.safetensors"), writeSafetensors(new Map(tensors)));
