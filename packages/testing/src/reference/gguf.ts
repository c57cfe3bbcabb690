import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "./report.ts";

/** Lists what the tree holds of GGUF files; none can be opened yet. */
export async function* checkGguf(directory: string): AsyncGenerator<Check> {
  const folder = join(directory, "gguf");
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder).toSorted()) {
    if (!file.endsWith(".expected.json")) continue;
    const name = file.slice(0, -".expected.json".length);
    const held = JSON.parse(readFileSync(join(folder, file), "utf8")) as Readonly<Record<string, unknown>>;
    for (const aspect of ["metadata", "tensors", "logits", "greedy"]) {
      if (held[aspect === "logits" ? "logits_from" : aspect] === undefined) continue;
      yield {
        id: `gguf/${name}:${aspect}`,
        group: `gguf ${name}`,
        outcome: { kind: "unsupported", why: "GGUF files" },
      };
    }
  }
}
