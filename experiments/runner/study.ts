import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { machine } from "../../benchmarks/report.ts";
import { withSeed } from "./by-seed.ts";
import { collectGarbage } from "./collect-garbage.ts";
import type { Data, Experiment, ExperimentOptions, Preset, Report } from "./experiment.ts";
import { openStudio } from "./figure.ts";
import { locked } from "./lock.ts";
import { blocksOf, emptyPage, fill, type Block } from "./page.ts";

export interface StudyOptions extends ExperimentOptions {
  readonly name: string;
  /** Parts to measure, the others keep their results; none to draw again what there is. */
  readonly parts: readonly string[];
  /** A folder for the folder of the experiment. */
  readonly out: string;
}

/** What a part measured, and on what. */
interface PartResult {
  readonly machine: string;
  /** Those that it opened; none where plain functions are all it needs. */
  readonly devices: readonly string[];
  readonly seeds: number | undefined;
  readonly date: string;
  readonly data: Data;
}

/** The file `results.json`. */
export interface Results {
  readonly experiment: string;
  readonly preset: Preset;
  readonly parts: Readonly<Record<string, PartResult>>;
  readonly tables: Report["tables"];
  readonly figures: readonly { readonly name: string; readonly caption: string; readonly rows: readonly object[] }[];
}

/**
 * Measures parts of an experiment and writes what is known of all: `results.json`, a drawing for each figure, and the
 * tables into the page. Those of the preset `"large"` are called `results.large.json` and so on.
 */
export async function study(experiment: Experiment, options: StudyOptions): Promise<Results> {
  const { name, parts, preset, seed, progress } = options;
  const folder = join(options.out, name);
  const suffix = preset === "small" ? "" : `.${preset}`;
  const file = join(folder, `results${suffix}.json`);
  await mkdir(folder, { recursive: true });
  const soFar = async () => (await readResults(file))?.parts ?? {};
  for (const part of parts) {
    progress(`${name}: ${part}`);
    const result = await measure(experiment, part, options);
    // read only now, as others may be measured beside this one; a later part that fails takes nothing from those done
    await locked(file, async () => {
      const known = await soFar();
      const whole = seed === undefined ? result : withSeed(known[part], result, seed);
      await writeResults(file, resultsOf(experiment, options, { ...known, [part]: whole }));
    });
  }
  const [results, report] = await locked(file, async () => {
    const measured = await soFar();
    if (Object.keys(measured).length === 0) throw new Error(`Cannot draw "${name}": "${file}" has no results`);
    const results = resultsOf(experiment, options, measured);
    await writeResults(file, results);
    return [results, experiment.report(merge(results.parts))] as const;
  });
  await writePage(folder, blocksOf(report, provenance(results), suffix), progress);
  await drawFigures(folder, report, suffix);
  return results;
}

async function measure(experiment: Experiment, part: string, options: StudyOptions): Promise<PartResult> {
  const devices = new Set<string>();
  const open: ExperimentOptions["open"] = async (own) => {
    collectGarbage();
    const device = await options.open(own);
    devices.add(device.description);
    return device;
  };
  const data = rounded(await experiment.run(part, { ...options, open }));
  const date = new Date().toISOString().slice(0, 10);
  return { machine: machine(), devices: [...devices], seeds: options.seeds, date, data };
}

function resultsOf(experiment: Experiment, { name, preset }: StudyOptions, measured: Results["parts"]): Results {
  const inOrder = experiment.parts.filter((part) => Object.hasOwn(measured, part));
  const parts = Object.fromEntries(inOrder.map((part) => [part, measured[part]]));
  const { tables, figures } = experiment.report(merge(parts));
  return rounded({
    experiment: name,
    preset,
    parts,
    tables,
    figures: figures.map(({ name, caption, rows }) => ({ name, caption, rows })),
  });
}

/** The lists of all parts, those of one name one after the other. */
function merge(parts: Results["parts"]): Data {
  const merged: Record<string, object[]> = {};
  for (const { data } of Object.values(parts)) {
    for (const [list, rows] of Object.entries(data)) (merged[list] ??= []).push(...rows);
  }
  return merged;
}

function provenance({ experiment, preset, parts }: Results): string {
  const kinds = Object.values(parts).flatMap(({ machine, devices, seeds, date }) =>
    machine
      .split(" / ")
      .map((each) => [...devices, each, ...(seeds === undefined ? [] : [`--seeds ${seeds}`]), date].join("; ")),
  );
  const command = `npm run study -- ${experiment}${preset === "small" ? "" : ` --preset ${preset}`}`;
  return `Printed by \`${command}\` (${[...new Set(kinds)].join(" / ")}).`;
}

async function writePage(folder: string, blocks: readonly Block[], progress: (line: string) => void): Promise<void> {
  const file = join(folder, "README.md");
  const before = (await readIfThere(file)) ?? emptyPage(basename(folder), blocks);
  const { page, missing } = fill(before, blocks);
  for (const name of missing) progress(`${file} has no place for it: <!-- ${name} --> <!-- end -->`);
  await writeWhole(file, page);
}

async function drawFigures(folder: string, { figures }: Report, suffix: string): Promise<void> {
  if (figures.length === 0) return;
  const draw = await openStudio();
  for (const figure of figures) await writeWhole(join(folder, `${figure.name}${suffix}.svg`), draw(figure));
}

async function readResults(file: string): Promise<Results | undefined> {
  const text = await readIfThere(file);
  return text === undefined ? undefined : (JSON.parse(text) as Results);
}

function writeResults(file: string, results: Results): Promise<void> {
  // a row a line
  const text = JSON.stringify(results, undefined, 1).replace(
    /\{\n([^{}[\]]*?)\n *\}/g,
    (_, fields: string) => `{ ${fields.trim().replace(/\n */g, " ")} }`,
  );
  return writeWhole(file, `${text}\n`);
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

let written = 0;

async function writeWhole(file: string, text: string): Promise<void> {
  const partial = `${file}.${process.pid}.${written++}.part`;
  await writeFile(partial, text);
  await rename(partial, file);
}

/** Numbers to six digits, whole ones as they are, as the file keeps them: tables are then the same when they are printed again. */
function rounded<T>(value: T): T {
  return JSON.parse(
    JSON.stringify(value, (_, item: unknown) =>
      typeof item === "number" && !Number.isInteger(item) ? Number(item.toPrecision(6)) : item,
    ),
  ) as T;
}
