import { Rnn, S4, S4D, seeded, type Module } from "@elapid/nn";
import { concat, randomSource, sum, valueAndGrad, type Device, type Tensor } from "@elapid/tensor";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { groups, pivot, withSpread } from "../runner/table.ts";
import { exponent, time, type Timing } from "../runner/timing.ts";

export const summary =
  "one S4D layer as a convolution and as a recurrence: the same numbers, in different time; a tanh RNN beside it";

const CHANNELS = 64;
const ROUNDS = 7;

/** Lengths by preset, powers of two. */
const lengths = { small: [8, 9, 10, 11, 12, 13, 14], large: [8, 9, 10, 11, 12, 13, 14, 15, 16, 17] };

interface Agreement {
  readonly length: number;
  readonly form: string;
  /** The greatest difference from the convolution, as a share of the greatest output; the worst of the seeds. */
  readonly worst: number;
}

interface Timed extends Timing {
  readonly length: number;
  readonly form: string;
  readonly pass: "forward" | "forward + backward";
}

/** Forward + backward with as many threads. */
interface Shared extends Timing {
  readonly form: string;
  readonly threads: number;
}

type Measured = {
  readonly agreement: readonly Agreement[];
  readonly times: readonly Timed[];
  readonly shared: readonly Shared[];
};

export const parts: Experiment["parts"] = ["agreement", "forward", "training", "threads"];

export async function run(part: string, options: ExperimentOptions): Promise<Partial<Measured>> {
  if (part === "threads") return { shared: await threads(options) };
  using device = await options.open();
  if (part === "agreement") return { agreement: await agreement(device, options) };
  const times: Timed[] = [];
  for (const length of lengths[options.preset].map((power) => 2 ** power)) {
    options.progress(`length ${length}`);
    times.push(...(part === "forward" ? await forward(device, length) : await training(device, length)));
  }
  return { times };
}

/** Longer sequences are left out of what takes a call a token. */
const LONGEST_BY_TOKEN = 2 ** 12;

/** The recurrences against the convolutions of the same layers. */
async function agreement(device: Device, { seeds = 3, preset, progress }: ExperimentOptions): Promise<Agreement[]> {
  const rows: Agreement[] = [];
  for (const length of lengths[preset].map((power) => 2 ** power)) {
    progress(`length ${length}`);
    const found: (readonly [form: string, worst: number])[] = [];
    for (let seed = 0; seed < seeds; seed++) {
      using _ = device.scope();
      const { layer, s4, x } = example(device, length, seed);
      const convolved = await layer.forward(x).data();
      found.push(["S4D, one call", worstDifference(await layer.recur({ x }).y.data(), convolved)]);
      if (length <= LONGEST_BY_TOKEN) {
        found.push(["S4D, token by token", worstDifference(await tokenByToken(layer, x).data(), convolved)]);
      }
      const [stepped, whole] = [await s4.recur({ x }).y.data(), await s4.forward(x).data()];
      found.push(["S4, one call", worstDifference(stepped, whole)]);
    }
    for (const form of new Set(found.map(([form]) => form))) {
      const worst = Math.max(...found.filter(([name]) => name === form).map(([, worst]) => worst));
      rows.push({ length, form, worst });
    }
  }
  return rows;
}

/** The greatest difference, as a share of the greatest of what was expected. */
function worstDifference(values: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [worst, peak] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    worst = Math.max(worst, Math.abs(values[i] - expected[i]));
    peak = Math.max(peak, Math.abs(expected[i]));
  }
  return worst / peak;
}

function tokenByToken(layer: S4D, x: Tensor): Tensor {
  const { time } = x.dims("batch time channels");
  let state: Tensor | undefined;
  const outputs = Array.from({ length: time }, (_, t) => {
    const { y, state: next } = layer.recur({ x: x.slice(1, t, t + 1), state });
    state = next;
    return y;
  });
  return concat(outputs, 1);
}

async function forward(device: Device, length: number): Promise<Timed[]> {
  using _ = device.scope();
  const { layer, rnn, x } = example(device, length, 0);
  const works = {
    "S4D, convolution": () => void layer.forward(x),
    "S4D, recurrence": () => void layer.recur({ x }),
    "tanh RNN": () => void rnn.forward({ x }),
  };
  return await timed(device, length, "forward", works);
}

async function training(device: Device, length: number): Promise<Timed[]> {
  using _ = device.scope();
  return await timed(device, length, "forward + backward", trainingWorks(device, length));
}

function trainingWorks(device: Device, length: number): Readonly<Record<string, () => void>> {
  const { layer, rnn, x } = example(device, length, 0);
  const differentiate = (module: Module, y: () => Tensor) => () =>
    void valueAndGrad(() => sum(y()), Object.fromEntries(module.parameters()));
  return {
    "S4D, convolution": differentiate(layer, () => layer.forward(x)),
    "S4D, recurrence": differentiate(layer, () => layer.recur({ x }).y),
    "tanh RNN": differentiate(rnn, () => rnn.forward({ x }).y),
  };
}

/** The same work on one thread and on two. */
async function threads({ open }: ExperimentOptions): Promise<Shared[]> {
  const shared: Shared[] = [];
  for (const threads of [1, 2]) {
    using device = await open({ threads });
    using _ = device.scope();
    const works = trainingWorks(device, 2 ** 12);
    const timings = await time(device, ROUNDS, Object.values(works));
    shared.push(...Object.keys(works).map((form, i) => ({ form, threads, ...timings[i] })));
  }
  return shared;
}

async function timed(
  device: Device,
  length: number,
  pass: Timed["pass"],
  works: Readonly<Record<string, () => void>>,
): Promise<Timed[]> {
  const timings = await time(device, ROUNDS, Object.values(works));
  return Object.keys(works).map((form, i) => ({ length, form, pass, ...timings[i] }));
}

function example(device: Device, length: number, seed: number) {
  const layer = new S4D({ dModel: CHANNELS }, seeded(device, seed));
  const source = randomSource(seed);
  const values = Float32Array.from({ length: length * CHANNELS }, () => 2 * source.next() - 1);
  const s4 = new S4({ dModel: CHANNELS }, seeded(device, seed));
  const rnn = new Rnn({ dModel: CHANNELS }, seeded(device, seed));
  return { layer, s4, rnn, x: device.tensor(values, [1, length, CHANNELS]) };
}

export function report({ agreement = [], times = [], shared = [] }: Partial<Measured>) {
  return {
    tables: [
      { name: "agreement", rows: pivot(agreement, ["length"], "form", ({ worst }) => worst) },
      {
        name: "times",
        rows: pivot(times, ["pass", "length"], "form", ({ milliseconds, spread }) => withSpread(milliseconds, spread)),
      },
      { name: "exponents", rows: pivot(exponents(times), ["pass"], "form", ({ value }) => value) },
      {
        name: "threads",
        rows: groups(shared, ["form"]).map(([one, two]) => ({
          form: one.form,
          "1 thread, ms": withSpread(one.milliseconds, one.spread),
          "2 threads, ms": withSpread(two.milliseconds, two.spread),
          ratio: one.milliseconds / two.milliseconds,
        })),
      },
    ],
    figures: [
      {
        name: "times",
        caption:
          "Time of an S4D layer of 64 channels against the length of the sequence, as a convolution and as a recurrence, and of a tanh RNN as wide.",
        rows: times,
        draw: lines({
          x: { key: "length", label: "length (tokens)", type: "log", base: 2 },
          y: { key: "milliseconds", label: "time (ms)", type: "log" },
          series: "form",
          panels: "pass",
        }),
      },
    ],
  };
}

/** How the time of each form grows, from 2^10 on, where it is more than what a call costs. */
function exponents(times: readonly Timed[]) {
  const long = times.filter(({ length }) => length >= 2 ** 10);
  return groups(long, ["pass", "form"]).map((rows) => {
    const points = rows.map(({ length, milliseconds }) => ({ x: length, y: milliseconds }));
    return { pass: rows[0].pass, form: rows[0].form, value: exponent(points) };
  });
}
