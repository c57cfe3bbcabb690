import { stories } from "@elapid/stories";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const made: string[] = [];
afterAll(() => made.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

/** A folder with the files of the embedded model, some replaced or, with `null`, left out. It goes when the tests end. */
export function modelFolder(changes: Readonly<Record<string, string | null>> = {}): string {
  const folder = temporaryFolder();
  for (const [name, url] of Object.entries(stories.files))
    if (!(name in changes)) writeFileSync(join(folder, name), readFileSync(url));
  for (const [name, content] of Object.entries(changes))
    if (content !== null) writeFileSync(join(folder, name), content);
  return folder;
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "elapid-"));
  made.push(folder);
  return folder;
}

/** The config of the embedded model with other values, as JSON. */
export function changedConfig(changes: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...JSON.parse(readFileSync(stories.files["config.json"], "utf8")), ...changes });
}
