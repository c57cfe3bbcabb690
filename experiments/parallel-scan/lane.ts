import { algorithms, type Lane } from "./algorithms.ts";
import { view, type Layout } from "./memory.ts";

/** Words of the memory through which threads meet. */
export const control = { ticket: 0, arrived: 1, phase: 2, algorithm: 3, words: 4 } as const;

/** What a worker is started with. */
export interface WorkerSetup {
  readonly layout: Layout;
  readonly control: Int32Array;
  readonly index: number;
  readonly names: readonly string[];
}

/** Looks so often before it sleeps. */
const SPINS = 20_000;

/** Does the part of one thread in one run, from its beginning together to its end together. */
export function runLane({ layout, control: words, index, names }: WorkerSetup): void {
  const memory = view(layout);
  const lane: Lane = { index, count: layout.lanes, joined() {}, told() {}, heard() {} };
  if (index === 0) memory.flags.fill(0);
  barrier(words, layout.lanes);
  const algorithm = algorithms[names[Atomics.load(words, control.algorithm)]];
  for (const what of algorithm(lane, memory)) if (what === "barrier") barrier(words, layout.lanes);
  barrier(words, layout.lanes);
}

/** Waits until all threads are here. */
function barrier(words: Int32Array, threads: number): void {
  if (threads === 1) return;
  const phase = Atomics.load(words, control.phase);
  if (Atomics.add(words, control.arrived, 1) === threads - 1) {
    Atomics.store(words, control.arrived, 0);
    Atomics.add(words, control.phase, 1);
    Atomics.notify(words, control.phase);
  } else {
    waitWhile(words, control.phase, phase);
  }
}

/** Waits until a word has another value. */
export function waitWhile(words: Int32Array, at: number, value: number): void {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(words, at) !== value) return;
  while (Atomics.load(words, at) === value) Atomics.wait(words, at, value);
}
