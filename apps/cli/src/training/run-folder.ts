import { makeFolder } from "@elapid/loaders";
import { rmSync } from "node:fs";
import { access, appendFile, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { saveJson } from "../output.ts";
import { checkSettings, type Settings } from "./settings.ts";

/** Where a run keeps its model, and in `training/` what it needs to go on. */
export interface RunFolder {
  readonly path: string;
  readonly weights: string;
  readonly checkpoint: string;
  readonly settings: string;
}

export function runFolder(path: string): RunFolder {
  return {
    path,
    weights: join(path, "model.safetensors"),
    checkpoint: join(path, "training", "checkpoint.safetensors"),
    settings: join(path, "training", "settings.json"),
  };
}

/** Makes the folder of a new run, also where one came to nothing. @throws Error if a model is there already. */
export async function createFolder({ path, weights, checkpoint }: RunFolder): Promise<void> {
  for (const file of [checkpoint, weights]) {
    if (await exists(file)) {
      throw new Error(`Cannot train into "${path}": there is a model already; give --resume, or another --out`);
    }
  }
  await makeFolder(resolve(path, "training")).catch((cause: unknown) => {
    throw new Error(`Cannot train into "${path}": ${(cause as Error).message}`, { cause });
  });
}

/** Keeps watch until it is disposed of: a process that ends at once, in the middle of a file, leaves no part of it. */
export function withoutPartialFiles({ weights, checkpoint }: RunFolder): Disposable {
  const tidy = () => {
    for (const file of [weights, checkpoint]) rmSync(`${file}.partial`, { force: true });
  };
  process.once("exit", tidy);
  return { [Symbol.dispose]: () => void process.off("exit", tidy) };
}

/** Writes everything that a model's folder has besides weights, and last the settings, which make it a run. */
export async function describeRun(
  folder: RunFolder,
  files: Readonly<Record<string, unknown>>,
  settings: Settings,
): Promise<void> {
  for (const [name, value] of Object.entries(files)) await saveJson(join(folder.path, name), value);
  await saveJson(folder.settings, settings);
}

/** The settings of the run in a folder. @throws Error if there is none. */
export async function settingsOf({ path, settings }: RunFolder): Promise<Settings> {
  try {
    return checkSettings(JSON.parse(await readFile(settings, "utf8")));
  } catch (cause) {
    throw new Error(`Cannot resume in "${path}": ${(cause as Error).message}`, { cause });
  }
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** A file of JSON lines, each with its step; a run that is resumed at a step takes the place of lines after it. */
export async function openLog(path: string, step: number): Promise<(line: object) => Promise<void>> {
  const before = step === 0 ? "" : await readFile(path, "utf8").catch(() => "");
  const kept = before.split("\n").filter((line) => stepOf(line) <= step);
  const refuse = (cause: unknown) => {
    throw new Error(`Cannot write "${path}": ${(cause as Error).message}`, { cause });
  };
  await writeFile(path, kept.map((line) => `${line}\n`).join("")).catch(refuse);
  return (line) => appendFile(path, `${JSON.stringify(line)}\n`).catch(refuse);
}

/** The step of a line; none has a line that a run was killed in. */
function stepOf(line: string): number {
  try {
    return (JSON.parse(line) as { readonly step: number }).step;
  } catch {
    return Infinity;
  }
}
