import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openModelFiles } from "@elapid/loaders";
import { loadModel, modelTypeOf, modelTypes, type LanguageModel } from "@elapid/models";
import { UnsupportedError, type Device } from "@elapid/tensor";
import { readSafetensors } from "../safetensors.ts";
import { aspects, type Expected } from "./checkpoint-aspects.ts";
import { foldersIn } from "./folders.ts";
import { worst, type Check } from "./report.ts";

/** Checks every checkpoint of the tree. */
export async function* checkCheckpoints(directory: string, device: Device): AsyncGenerator<Check> {
  const root = join(directory, "checkpoints");
  for (const name of foldersIn(root)) {
    const folder = join(root, name);
    const expected: Expected = {
      tensors: readSafetensors(join(folder, "expected.safetensors")),
      json: JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Expected["json"],
    };
    // where the reference lets padding leak, that comparison is loose and stands in a row of its own
    const leaks = (expected.json.padding?.max_abs_difference_from_unpadded ?? 0) > 1e-3;
    const check = (aspect: string, outcome: Check["outcome"]): Check => ({
      id: `checkpoints/${name}:${aspect}`,
      group: aspect === "padded" && leaks ? `${name}, padded` : name,
      outcome,
    });
    const unknown = unknownArchitecture(folder);
    const held = aspectsOf(expected);
    if (unknown !== undefined) {
      for (const aspect of held) yield check(aspect, { kind: "unsupported", why: unknown });
      continue;
    }
    const lm = await openModel(folder, device);
    // training changes the model, so it comes last
    const inOrder = held.toSorted((a, b) => Number(a === "adamw") - Number(b === "adamw"));
    for (const aspect of inOrder) yield check(aspect, await outcomeOf(aspect, lm, expected));
    if (!(lm instanceof Error)) lm.dispose();
  }
}

/** What `expected` holds numbers for. */
function aspectsOf({ tensors, json }: Expected): string[] {
  const held = new Set<string>();
  for (const tensor of tensors.keys()) {
    const [head] = tensor.split(".");
    if (tensor === "input_ids") continue;
    held.add(head === "grad" ? "gradients" : head === "logits" ? tensor : head);
  }
  if (json.grad_norms !== undefined) held.add("gradients");
  return [...held];
}

/** Why there is no such model, by its name; a config that names none is left to `loadModel` to refuse. */
function unknownArchitecture(folder: string): string | undefined {
  let type: string;
  try {
    type = modelTypeOf(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")), "config.json");
  } catch {
    return undefined;
  }
  return modelTypes.includes(type) ? undefined : `architecture ${type}`;
}

/** The model, or why it cannot be loaded. */
export async function openModel(folder: string, device: Device): Promise<LanguageModel | Error> {
  try {
    const files = await openModelFiles(folder);
    const lm = await loadModel(files, device);
    await files.close();
    return lm;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function outcomeOf(aspect: string, lm: LanguageModel | Error, expected: Expected): Promise<Check["outcome"]> {
  if (lm instanceof UnsupportedError) return { kind: "unsupported", why: lm.message };
  if (lm instanceof Error) return { kind: "failed", what: lm.message };
  const compare = aspects[aspect];
  if (compare === undefined) return { kind: "unsupported", why: `no check of "${aspect}"` };
  try {
    return worst(await compare(lm, expected));
  } catch (error) {
    return { kind: "failed", what: error instanceof Error ? error.message : String(error) };
  }
}
