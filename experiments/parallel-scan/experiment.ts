import { linearScan, scanSum } from "@elapid/scan";
import { randomSource } from "@elapid/tensor";
import { median, spread } from "../../benchmarks/stats.ts";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { pivot, withSpread } from "../runner/table.ts";
import { time, type Timing } from "../runner/timing.ts";
import { algorithms } from "./algorithms.ts";
import { count, type Count } from "./count.ts";
import { allocate, view, type Layout } from "./memory.ts";
import { startThreads } from "./threads.ts";

export const summary = "five parallel scans of one recurrence: work, depth, barriers, and time on threads";

const names = Object.keys(algorithms);
const COUNTED = 2 ** 16;
const lanesCounted = [1, 2, 16, 64, 256, 1024, 4096, COUNTED];
/** Rounds by the length: short sequences take microseconds and scatter. */
const roundsOf = (length: number) => (length <= 2 ** 16 ? 51 : 15);

const lengths = { small: [10, 12, 14, 16, 18, 20, 22], large: [10, 12, 14, 16, 18, 20, 22, 24] };

interface Counted extends Count {
  readonly algorithm: string;
  readonly lanes: number;
  readonly steps: number;
  /** The greatest difference from 64-bit numbers, as a share of the greatest state. */
  readonly worst: number;
}

interface Timed extends Timing {
  readonly algorithm: string;
  readonly where: string;
  readonly length: number;
}

type Measured = { readonly counts: readonly Counted[]; readonly times: readonly Timed[] };

export const parts: Experiment["parts"] = ["count", "1 thread", "2 threads", "4 threads", "packages"];

export async function run(part: string, options: ExperimentOptions): Promise<Partial<Measured>> {
  if (part === "count") return { counts: counted() };
  if (part === "packages") return { times: await packages(options) };
  const threads = Number(part.split(" ")[0]);
  const times: Timed[] = [];
  for (const power of lengths[options.preset]) {
    options.progress(`2^${power} steps, ${part}`);
    times.push(...(await timed(2 ** power, threads, part)));
  }
  return { times };
}

function counted(): Counted[] {
  return names.flatMap((algorithm) =>
    lanesCounted.flatMap((lanes): Counted[] => {
      if (algorithm === "serial" && lanes > 1) return [];
      const layout = filled(COUNTED, lanes);
      return [{ algorithm, lanes, steps: COUNTED, ...count(algorithms[algorithm], layout), worst: worstOf(layout) }];
    }),
  );
}

/** All algorithms in turn on the same memory. */
async function timed(length: number, lanes: number, where: string): Promise<Timed[]> {
  const layout = filled(length, lanes);
  const threads = await startThreads(layout, names);
  const seconds = names.map((): number[] => []);
  for (let warm = 0; warm < 5; warm++) for (const name of names) threads.run(name);
  for (let round = 0; round < roundsOf(length); round++) {
    for (const [i, name] of names.entries()) seconds[i].push(threads.run(name));
  }
  await threads.close();
  return names.map((algorithm, i) => ({
    algorithm,
    where,
    length,
    milliseconds: 1000 * median(seconds[i]),
    spread: spread(seconds[i]),
  }));
}

/** The scans of `@elapid/scan`: one row as long, and 16 rows that are as long together. */
async function packages({ open, preset, progress }: ExperimentOptions): Promise<Timed[]> {
  using device = await open();
  const times: Timed[] = [];
  for (const length of lengths[preset].map((power) => 2 ** power)) {
    progress(`${length} steps, packages`);
    using _ = device.scope();
    const { a, b } = view(filled(length, 1));
    const inputs = [1, 16].map((rows) => ({
      a: device.tensor(Float32Array.from(a), [rows, length / rows]),
      b: device.tensor(Float32Array.from(b), [rows, length / rows]),
    }));
    const works = {
      "linearScan, 1 row": () => void linearScan(inputs[0], { axis: 1 }),
      "linearScan, 16 rows": () => void linearScan(inputs[1], { axis: 1 }),
      "scanSum, 1 row": () => void scanSum(inputs[0].b, { axis: 1 }),
      "scanSum, 16 rows": () => void scanSum(inputs[1].b, { axis: 1 }),
    };
    const timings = await time(device, roundsOf(length), Object.values(works));
    times.push(...Object.keys(works).map((algorithm, i) => ({ algorithm, where: "packages", length, ...timings[i] })));
  }
  return times;
}

/**
 * A memory with inputs in [-1, 1) and decays that multiply to about e^-8 over the whole length: faster ones underflow, and
 * what would be measured is how slow numbers below the least normal one are.
 */
function filled(length: number, lanes: number): Layout {
  const layout = allocate(length, lanes);
  const { a, b } = view(layout);
  const source = randomSource(0);
  for (let t = 0; t < length; t++) [a[t], b[t]] = [Math.exp((-16 * source.next()) / length), 2 * source.next() - 1];
  return layout;
}

function worstOf(layout: Layout): number {
  const { a, b, h } = view(layout);
  let [state, worst, peak] = [0, 0, 0];
  for (let t = 0; t < a.length; t++) {
    state = a[t] * state + b[t];
    worst = Math.max(worst, Math.abs(state - h[t]));
    peak = Math.max(peak, Math.abs(state));
  }
  return worst / peak;
}

export function report({ counts = [], times = [] }: Partial<Measured>) {
  const perStep = times.map((row) => ({ ...row, nanoseconds: (1e6 * row.milliseconds) / row.length }));
  const ours = perStep.filter(({ where }) => where !== "packages");
  return {
    tables: [
      {
        name: "counts",
        rows: counts
          .filter(({ algorithm, lanes }) => lanes === 256 || algorithm === "serial")
          .map(({ algorithm, lanes, steps, work, barriers, worst }) => ({
            algorithm,
            lanes,
            "joins a step": work / steps,
            barriers,
            "worst difference": worst,
          })),
      },
      { name: "depth", rows: pivot(counts, ["lanes"], "algorithm", ({ depth }) => depth) },
      {
        name: "threads",
        rows: pivot(
          ours.filter(({ length }) => length === 2 ** 20),
          ["algorithm"],
          "where",
          ({ nanoseconds, spread }) => withSpread(nanoseconds, spread),
        ),
      },
      {
        name: "times",
        rows: pivot(ours, ["where", "length"], "algorithm", ({ nanoseconds, spread }) =>
          withSpread(nanoseconds, spread, 2),
        ),
      },
      {
        name: "packages",
        rows: pivot(
          perStep.filter(({ where }) => where === "packages"),
          ["length"],
          "algorithm",
          ({ nanoseconds, spread }) => withSpread(nanoseconds, spread, 2),
        ),
      },
    ],
    figures: [
      {
        name: "times",
        caption:
          "Time a step of each scan against the length of the sequence, on one, two and four threads of a machine with two cores.",
        rows: ours,
        draw: lines({
          x: { key: "length", label: "length (steps)", type: "log", base: 2 },
          y: { key: "nanoseconds", label: "time a step (ns)", type: "log" },
          series: "algorithm",
          panels: "where",
        }),
      },
      {
        name: "depth",
        caption: `Joins one after the other for a sequence of ${COUNTED} steps against the number of lanes.`,
        rows: counts,
        draw: lines({
          x: { key: "lanes", label: "lanes", type: "log", base: 2 },
          y: { key: "depth", label: "depth (joins)", type: "log" },
          series: "algorithm",
        }),
      },
    ],
  };
}
