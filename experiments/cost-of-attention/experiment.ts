import { Attention, MambaMixer, Rnn, S4DMixer, seeded, type Init, type Module } from "@elapid/nn";
import { randomSource, type Device, type Tensor } from "@elapid/tensor";
import { median, spread } from "../../benchmarks/stats.ts";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { groups, pivot, withSpread } from "../runner/table.ts";
import { exponent, time, type Timing } from "../runner/timing.ts";

export const summary =
  "time and memory of Attention, Rnn, S4D and Mamba against length: reading a text, and the next token";

const WIDTH = 64;
const ROUNDS = 5;
/** Tokens of a decoding run; each is timed, the first ones warm up. */
const [DECODED, WARM] = [160, 40];

/** Powers of two. Attention stops first: its time grows with the square. */
const lengths = {
  small: { attention: 14, others: 16 },
  large: { attention: 17, others: 20 },
};

type State = Readonly<Record<string, Tensor | undefined>>;

/** What all four have in common: a sequence and a state in, and out. */
interface Layer extends Module {
  forward(input: { readonly x: Tensor; readonly state?: State }): { readonly y: Tensor; readonly state: State };
}

/** One layer each, of 64 channels, by the names that tables have. */
const layers: Readonly<Record<string, (init: Init) => Layer>> = {
  Attention: (init) => new Attention({ dModel: WIDTH, nHeads: 4 }, init) as Layer,
  Rnn: (init) => new Rnn({ dModel: WIDTH }, init) as Layer,
  S4D: (init) => new S4DMixer({ dModel: WIDTH }, init) as Layer,
  Mamba: (init) => new MambaMixer({ dModel: WIDTH, dInner: 2 * WIDTH, dState: 16, dConv: 4, dtRank: 4 }, init) as Layer,
};

interface Cost extends Timing {
  readonly work: "prefill" | "decode";
  readonly layer: string;
  /** Tokens read at once, or before the one that is timed. */
  readonly length: number;
  /** Most bytes held at once beyond parameters and input, of a text that is read. */
  readonly peak?: number;
  /** Bytes that the next token needs of all before. */
  readonly state: number;
}

type Measured = { readonly costs: readonly Cost[] };

export const parts: Experiment["parts"] = Object.keys(layers).flatMap((name) => [`${name} prefill`, `${name} decode`]);

export async function run(part: string, options: ExperimentOptions): Promise<Measured> {
  const [layer, work] = part.split(" ");
  const { attention, others } = lengths[options.preset];
  const longest = layer === "Attention" ? attention : others;
  const costs: Cost[] = [];
  for (let power = 8; power <= longest; power++) {
    options.progress(`${part}, 2^${power} tokens`);
    using device = await options.open();
    const measure = work === "prefill" ? prefill : decode;
    costs.push({ layer, length: 2 ** power, ...(await measure(device, layers[layer](seeded(device, 0)), 2 ** power)) });
  }
  return { costs };
}

async function prefill(device: Device, layer: Layer, length: number) {
  using _ = device.scope();
  const x = randomTokens(device, length);
  const before = device.liveBytes;
  const [timing] = await time(device, ROUNDS, [() => void layer.forward({ x })]);
  const peak = device.peakBytes - before;
  return { work: "prefill" as const, ...timing, peak, state: bytesOf(layer.forward({ x }).state) };
}

/** The next token after so many, again and again, each from the state that the last one left. */
async function decode(device: Device, layer: Layer, length: number) {
  using _ = device.scope();
  const token = randomTokens(device, 1);
  let state = await stateAfter(device, layer, length);
  const bytes = bytesOf(state);
  const seconds: number[] = [];
  for (let step = 0; step < DECODED; step++) {
    const start = performance.now();
    const next = keepState(device, layer, token, state);
    await device.finish();
    seconds.push((performance.now() - start) / 1000);
    for (const tensor of Object.values(state)) tensor?.dispose();
    state = next;
  }
  const timed = seconds.slice(WARM);
  return {
    work: "decode" as const,
    milliseconds: 1000 * median(timed),
    spread: spread(timed),
    state: bytes,
  };
}

/** The state after a text, read in pieces so that reading holds no more than decoding. */
async function stateAfter(device: Device, layer: Layer, length: number): Promise<State> {
  const piece = Math.min(length, 256);
  let state: State | undefined;
  for (let t = 0; t < length; t += piece) {
    using x = randomTokens(device, piece);
    const next = keepState(device, layer, x, state);
    for (const tensor of Object.values(state ?? {})) tensor?.dispose();
    state = next;
    await device.finish();
  }
  return state!;
}

function keepState(device: Device, layer: Layer, x: Tensor, before: State | undefined): State {
  using scope = device.scope();
  const { state } = layer.forward({ x, state: before });
  for (const tensor of Object.values(state)) if (tensor !== undefined) scope.keep(tensor);
  return state;
}

function bytesOf(state: State): number {
  return Object.values(state).reduce((sum, tensor) => sum + (tensor?.byteLength ?? 0), 0);
}

function randomTokens(device: Device, length: number): Tensor {
  const source = randomSource(1);
  const values = Float32Array.from({ length: length * WIDTH }, () => 2 * source.next() - 1);
  return device.tensor(values, [1, length, WIDTH]);
}

export function report({ costs = [] }: Partial<Measured>) {
  const rows = costs.map((row) => ({
    ...row,
    microseconds: (1000 * row.milliseconds) / (row.work === "prefill" ? row.length : 1),
    panel: row.work === "prefill" ? "a text, read at once" : "the next token",
    peakMiB: (row.peak ?? 0) / 2 ** 20,
    stateKiB: row.state / 2 ** 10,
  }));
  const of = (work: Cost["work"]) => rows.filter((row) => row.work === work);
  const length = { key: "length", label: "length (tokens)", type: "log", base: 2 } as const;
  return {
    tables: [
      { name: "exponents", rows: exponents(costs) },
      {
        name: "prefill",
        rows: pivot(of("prefill"), ["length"], "layer", ({ milliseconds, spread }) => withSpread(milliseconds, spread)),
      },
      {
        name: "decode",
        rows: pivot(of("decode"), ["length"], "layer", ({ microseconds, spread }) => withSpread(microseconds, spread)),
      },
      { name: "peak", rows: pivot(of("prefill"), ["length"], "layer", ({ peakMiB }) => peakMiB) },
      { name: "state", rows: pivot(of("decode"), ["length"], "layer", ({ stateKiB }) => stateKiB) },
    ],
    figures: [
      {
        name: "time",
        caption:
          "Time a token of one layer of 64 channels: reading a text of that length at once, and the next token after a text of that length.",
        rows,
        draw: lines({
          x: length,
          y: { key: "microseconds", label: "time a token (µs)", type: "log" },
          series: "layer",
          panels: "panel",
        }),
      },
      {
        name: "state",
        caption: "What a layer keeps of a text for the next token.",
        rows: of("decode"),
        draw: lines({
          x: length,
          y: { key: "stateKiB", label: "state (KiB)", type: "log" },
          series: "layer",
          height: 320,
        }),
      },
    ],
  };
}

/** Exponents over the upper four lengths of each. */
function exponents(costs: readonly Cost[]) {
  return groups(costs, ["layer"]).map((rows) => {
    const fit = (work: Cost["work"], of: (row: Cost) => number) =>
      exponent(
        rows
          .filter((row) => row.work === work)
          .slice(-4)
          .map((row) => ({ x: row.length, y: of(row) })),
      );
    return {
      layer: rows[0].layer,
      "time of a text": fit("prefill", ({ milliseconds }) => milliseconds),
      "peak memory of a text": fit("prefill", ({ peak = 0 }) => peak),
      "time of the next token": fit("decode", ({ milliseconds }) => milliseconds),
      state: fit("decode", ({ state }) => state),
    };
  });
}
