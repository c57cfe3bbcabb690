import { hippoMemory } from "@elapid/scan";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { groups, pivot } from "../runner/table.ts";
import { randomMemory } from "./random-memory.ts";
import { relativeError, signalSpace, type SignalSpace } from "./signals.ts";

export const summary = "how well N coefficients remember a signal: HiPPO-LegS, LegT, Fourier and a random A";

/** How far a random system may move on over the whole length; the best is taken for each size. */
const PACES = [2, 8, 32, 128];
/** The last part of the past, which a shorter window may hold alone. */
const RECENT = 1024;
const [LENGTH, SIZE] = [4096, 64];
/** Of the drawing: its length, every which sample, and whose memory. */
const [DRAWN_LENGTH, DRAWN] = [2048, 8];
const drawnMemories = ["LegS", `LegT, last ${RECENT}`, "random A"];

const sizes = { small: [4, 8, 16, 32, 64, 128], large: [4, 8, 16, 32, 64, 128, 256] };
const lengths = { small: [8, 9, 10, 11, 12, 13], large: [8, 9, 10, 11, 12, 13, 14, 15, 16] };

/** A memory of `n` coefficients for signals of a space; gives what it remembers of all samples, 0 where it forgot. */
type Memory = (n: number, space: SignalSpace) => (signal: Float64Array) => Float64Array;

const memories: Readonly<Record<string, Memory>> = {
  LegS: (n) => remember("legs", n),
  "LegT, all": (n, { basis: [{ length }] }) => remember("legt", n, length),
  [`LegT, last ${RECENT}`]: (n, { basis: [{ length }] }) => remember("legt", n, Math.min(RECENT, length)),
  "Fourier, all": (n, { basis: [{ length }] }) => remember("fourier", n, length),
  "random A": bestRandom,
};

interface Remembered {
  readonly study: "coefficients" | "length";
  readonly memory: string;
  readonly n: number;
  readonly length: number;
  readonly seed: number;
  /** Of everything since the beginning. */
  readonly error: number;
  /** Of the last 1024 samples. */
  readonly recent: number;
}

interface Sample {
  readonly memory: string;
  readonly time: number;
  readonly value: number;
}

type Measured = { readonly remembered: readonly Remembered[]; readonly samples: readonly Sample[] };

export const parts: Experiment["parts"] = ["coefficients", "length", "example"];

export async function run(
  part: string,
  { preset, seeds = 3, progress }: ExperimentOptions,
): Promise<Partial<Measured>> {
  if (part === "example") return { samples: example() };
  const remembered: Remembered[] = [];
  const cases =
    part === "coefficients"
      ? sizes[preset].map((n) => ({ n, length: LENGTH }))
      : lengths[preset].map((power) => ({ n: SIZE, length: 2 ** power }));
  for (const { n, length } of cases) {
    progress(`${n} coefficients, ${length} samples`);
    const space = signalSpace(length);
    for (const [memory, make] of Object.entries(memories)) {
      const recall = make(n, space);
      for (let seed = 0; seed < seeds; seed++) {
        const signal = space.draw(seed);
        const again = recall(signal);
        const recent = relativeError(signal, again, Math.max(0, length - RECENT));
        const study = part as Remembered["study"];
        remembered.push({ study, memory, n, length, seed, error: relativeError(signal, again), recent });
      }
    }
  }
  return { remembered };
}

function remember(measure: "legs" | "legt" | "fourier", n: number, window?: number) {
  return (signal: Float64Array): Float64Array => {
    const memory = hippoMemory(measure, n, { window });
    memory.push(signal);
    const from = signal.length - (window ?? signal.length);
    const times = Array.from(signal.subarray(from), (_, k) => from + k + 0.5);
    const again = new Float64Array(signal.length);
    again.set(memory.reconstruct(times), from);
    return again;
  };
}

/** The pace is chosen on a signal of its own. */
function bestRandom(n: number, space: SignalSpace): (signal: Float64Array) => Float64Array {
  const trial = space.draw(-1);
  const tried = PACES.map((pace) => randomMemory(n, pace, space, 0));
  const errors = tried.map((recall) => relativeError(trial, recall(trial)));
  return tried[errors.indexOf(Math.min(...errors))];
}

function example(): Sample[] {
  const space = signalSpace(DRAWN_LENGTH);
  const signal = space.draw(0);
  const drawn = (memory: string, values: Float64Array) =>
    Array.from(values, (value, time) => ({ memory, time, value })).filter(({ time }) => time % DRAWN === 0);
  return [
    ...drawn("signal", signal),
    ...drawnMemories.flatMap((memory) => drawn(memory, memories[memory](SIZE, space)(signal))),
  ];
}

/** Mean of the seeds, and the least and the greatest. */
function summed(remembered: readonly Remembered[]) {
  return groups(remembered, ["study", "memory", "n", "length"]).map((rows) => {
    const errors = rows.map(({ error }) => error);
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const { study, memory, n, length } = rows[0];
    const recent = mean(rows.map(({ recent }) => recent));
    return {
      study,
      memory,
      n,
      length,
      error: mean(errors),
      low: Math.min(...errors),
      high: Math.max(...errors),
      recent,
    };
  });
}

export function report({ remembered = [], samples = [] }: Partial<Measured>) {
  const rows = summed(remembered);
  const of = (study: Remembered["study"]) => rows.filter((row) => row.study === study);
  const error = { key: "error", label: "error (share of the signal)", type: "log" } as const;
  const cell = ({ error, low, high }: (typeof rows)[number]) => `${short(error)} (${short(low)} to ${short(high)})`;
  return {
    tables: [
      { name: "coefficients", rows: pivot(of("coefficients"), ["n"], "memory", cell) },
      { name: "length", rows: pivot(of("length"), ["length"], "memory", cell) },
      { name: "recent", rows: pivot(of("length"), ["length"], "memory", ({ recent }) => recent) },
    ],
    figures: [
      {
        name: "example",
        caption: `A signal of ${DRAWN_LENGTH} samples, and what ${SIZE} coefficients remember of it at its end; LegS lies on the signal.`,
        rows: samples,
        draw: lines({
          x: { key: "time", label: "time (samples)" },
          y: { key: "value", label: "signal", domain: [-3, 3] },
          series: "memory",
          dots: false,
        }),
      },
      {
        name: "coefficients",
        caption: `What is lost of a signal of ${LENGTH} samples against the number of coefficients; bands from the least to the greatest of three signals.`,
        rows: of("coefficients"),
        draw: lines({
          x: { key: "n", label: "coefficients", type: "log", base: 2 },
          y: error,
          series: "memory",
          band: ["low", "high"],
        }),
      },
      {
        name: "length",
        caption: `What ${SIZE} coefficients lose against the length of the signal.`,
        rows: of("length"),
        draw: lines({
          x: { key: "length", label: "length (samples)", type: "log", base: 2 },
          y: error,
          series: "memory",
          band: ["low", "high"],
        }),
      },
    ],
  };
}

function short(value: number): string {
  return value < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(2)));
}
