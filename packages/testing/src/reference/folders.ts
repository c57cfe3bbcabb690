import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Names of the folders in a part of a tree, in order; none if the tree lacks the part. */
export function foldersIn(root: string): string[] {
  if (!existsSync(root)) return [];
  const entries = readdirSync(root, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && existsSync(join(root, entry.name, "expected.json")))
    .map(({ name }) => name)
    .toSorted();
}
