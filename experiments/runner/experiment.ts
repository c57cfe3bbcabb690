import type { Device } from "@elapid/tensor";

/** `"small"` runs in minutes on two cores, `"large"` is for a GPU or for a night. */
export type Preset = "small" | "large";

/** How a part of an experiment is to run. */
export interface ExperimentOptions {
  readonly preset: Preset;
  /** As many seeds as `--seeds` asks for; where it does not, as many as the experiment finds right. */
  readonly seeds: number | undefined;
  /** The one seed that `--seed` asks for, of an experiment that is `bySeed`. */
  readonly seed?: number | undefined;
  /** As many threads as `--threads` asks for; where it does not, as the device finds right. */
  readonly threads: number | undefined;
  /** A file of text, for what learns text. */
  readonly text: string | undefined;
  /** A folder of data, for what can take other than its own. */
  readonly data: string | undefined;
  /** Opens the device that `--device` names, with every kernel and, if asked, so many threads; whoever calls it disposes of it. */
  readonly open: (own?: { readonly threads?: number }) => Promise<Device>;
  /** Says on standard error how far it is. */
  readonly progress: (line: string) => void;
}

/** What was measured: named lists of rows of plain values, kept as JSON. Parts that give lists of one name add to it. */
export type Data = Readonly<Record<string, readonly object[]>>;

/** A cell of `null` was not measured. Numbers are printed to three digits. */
export type Cell = string | number | boolean | null;

/** A table as a page shows it; the columns are the keys of the first row, in their order. */
export interface Table {
  readonly name: string;
  readonly rows: readonly Readonly<Record<string, Cell>>[];
}

/** A drawing, and the numbers in it. */
export interface Figure {
  readonly name: string;
  /** One or two sentences that say what is seen. */
  readonly caption: string;
  /** What is drawn, kept as JSON beside the drawing. */
  readonly rows: readonly object[];
  /** Options for `Plot.plot`; `lines` of `figure.ts` makes those of the usual figure. */
  readonly draw: (plot: Plot, rows: readonly object[]) => object;
}

export interface Report {
  readonly tables: readonly Table[];
  readonly figures: readonly Figure[];
}

/** A question with the program that answers it: what `experiments/<name>/experiment.ts` exports. */
export interface Experiment {
  /** One line for the list of experiments. */
  readonly summary: string;
  /** What `--only` may name. The parts run one after the other, and results of a part stay until it runs again. */
  readonly parts: readonly string[];
  /** Whether a part may be measured seed by seed, as its rows have a `seed`, from 1 on. Default `false`. */
  readonly bySeed?: boolean;
  /** Measures one part. */
  run(part: string, options: ExperimentOptions): Promise<Data>;
  /** What is shown of the data of all parts; lists of those that have not run are missing. */
  report(data: Data): Report;
}

/** As much of Observable Plot as figures use; the package is not there until the command has fetched it. */
export interface Plot {
  plot(options: object): { readonly outerHTML: string };
  lineY(data: readonly object[], options: object): object;
  areaY(data: readonly object[], options: object): object;
  barY(data: readonly object[], options: object): object;
  dot(data: readonly object[], options: object): object;
  text(data: readonly unknown[], options: object): object;
  ruleX(data: readonly unknown[], options?: object): object;
  ruleY(data: readonly unknown[], options?: object): object;
  cell(data: readonly object[], options: object): object;
}
