import type { Algorithm, Lane } from "./algorithms.ts";
import { view, type Layout } from "./memory.ts";

/** What an algorithm costs, whatever it runs on. */
export interface Count {
  /** Joins of all lanes together. */
  readonly work: number;
  /** Joins one after the other on the longest way from the input to the last result. */
  readonly depth: number;
  readonly barriers: number;
}

/** A lane with a clock that a join moves on by one. */
class CountingLane implements Lane {
  readonly index: number;
  readonly count: number;
  work = 0;
  clock = 0;
  readonly #told: Map<number, number>;

  constructor(index: number, count: number, told: Map<number, number>) {
    this.index = index;
    this.count = count;
    this.#told = told;
  }

  joined(times: number): void {
    this.work += times;
    this.clock += times;
  }

  told(flag: number): void {
    this.#told.set(flag, this.clock);
  }

  heard(flag: number): void {
    this.clock = Math.max(this.clock, this.#told.get(flag)!);
  }
}

/** Runs all lanes of an algorithm in turn on one thread, from barrier to barrier. */
export function count(algorithm: Algorithm, layout: Layout): Count {
  const memory = view(layout);
  memory.flags.fill(0);
  const told = new Map<number, number>();
  const lanes = Array.from({ length: layout.lanes }, (_, index) => new CountingLane(index, layout.lanes, told));
  let running = lanes.map((lane) => ({ lane, program: algorithm(lane, memory) }));
  let barriers = 0;
  while (running.length > 0) {
    const waiting: typeof running = [];
    while (running.length > 0) {
      const again: typeof running = [];
      for (const { lane, program } of running) {
        const { done, value } = program.next();
        if (done) continue;
        (value === "barrier" ? waiting : again).push({ lane, program });
      }
      running = again;
    }
    running = waiting;
    if (waiting.length === 0) break;
    barriers++;
    const latest = latestOf(lanes);
    for (const lane of lanes) lane.clock = latest;
  }
  return {
    work: lanes.reduce((sum, { work }) => sum + work, 0),
    depth: latestOf(lanes),
    barriers,
  };
}

function latestOf(lanes: readonly CountingLane[]): number {
  return lanes.reduce((latest, { clock }) => Math.max(latest, clock), 0);
}
