import { randomSource, type Device, type RandomSource } from "@elapid/tensor";
import type { CausalModel } from "./define.ts";
import type { ResolvedOptions } from "./options.ts";
import { sampleToken } from "./sample.ts";
import { State } from "./state.ts";
import { turn } from "./turn.ts";

/** Tokens that are read in one go; the state is all that stays, so memory does not grow with the prompt. */
const PREFILL = 128;

/**
 * Sequences that take a step together. Up to so many, one row of a product has the same bits with and
 * without the others beside it, because the same kernel computes it.
 */
const ROWS = 8;

/** A token that was chosen for sequence `index`. */
export interface GeneratedToken {
  readonly index: number;
  readonly id: number;
}

interface Sequence {
  readonly index: number;
  readonly random: RandomSource;
  readonly seen: Set<number>;
  /** The token that the next step reads. */
  last: number;
}

/** Sequences whose states are one tensor each. */
interface Group {
  sequences: Sequence[];
  state: State;
}

/**
 * Continues each prompt, token by token, until its `stops` says so or `maxTokens` are reached. Each prompt
 * is read alone and has its own random numbers, so what it becomes does not depend on the others.
 *
 * @param finished asked after each token whether its sequence is done; a token that ends a sequence is yielded too
 */
export async function* generateTokens(
  model: CausalModel,
  device: Device,
  prompts: readonly (readonly number[])[],
  options: ResolvedOptions,
  finished: (token: GeneratedToken) => boolean,
): AsyncGenerator<GeneratedToken> {
  const { maxTokens, signal } = options;
  const groups: Group[] = [];
  const states: State[] = [];
  try {
    if (maxTokens === 0) return;
    const alive: Sequence[] = [];
    for (const [index, prompt] of prompts.entries()) {
      const { state, logits } = await prefill(model, device, prompt, signal);
      states.push(state);
      const sequence: Sequence = { index, random: randomSource(options.seed), seen: new Set(prompt), last: -1 };
      const token = choose(sequence, logits, options);
      yield token;
      if (finished(token)) states.pop()!.dispose();
      else alive.push(sequence);
    }
    for (let start = 0; start < alive.length; start += ROWS) {
      const members = states.slice(start, start + ROWS);
      groups.push({ sequences: alive.slice(start, start + ROWS), state: State.concat(members) });
    }
    for (const state of states.splice(0)) state.dispose();

    for (let count = 1; count < maxTokens && groups.length > 0; count++) {
      for (const group of [...groups]) {
        signal?.throwIfAborted();
        const rows = await step(model, device, group);
        const ended: Sequence[] = [];
        for (const [row, sequence] of group.sequences.entries()) {
          const token = choose(sequence, rows[row], options);
          yield token;
          if (finished(token)) ended.push(sequence);
        }
        if (ended.length > 0) dropEnded(groups, group, ended);
      }
      await turn();
    }
  } finally {
    for (const state of [...states, ...groups.map((group) => group.state)]) state.dispose();
  }
}

/** Reads a prompt in pieces and returns the logits after its last token. */
async function prefill(model: CausalModel, device: Device, prompt: readonly number[], signal: AbortSignal | undefined) {
  let state = new State([], 0);
  let logits: Float32Array | undefined;
  for (let start = 0; start < prompt.length; start += PREFILL) {
    signal?.throwIfAborted();
    const piece = prompt.slice(start, start + PREFILL);
    const isLast = start + PREFILL >= prompt.length;
    using ids = device.tensor(Int32Array.from(piece), [1, piece.length]);
    const result = model.forward(ids, {
      layers: start === 0 ? undefined : state.layers,
      logits: isLast ? "last" : "none",
    });
    state.dispose();
    state = new State(result.layers, start + piece.length);
    using last = result.logits;
    try {
      logits = (await last?.data()) as Float32Array | undefined;
      if (last === undefined) await device.finish();
    } catch (error) {
      state.dispose();
      throw error;
    }
    await turn();
  }
  if (logits === undefined) throw new RangeError("Cannot generate: the prompt is empty");
  return { state, logits };
}

/** Reads the last token of every sequence of a group; gives a row of logits for each. */
async function step(model: CausalModel, device: Device, group: Group): Promise<Float32Array[]> {
  const { sequences, state } = group;
  using ids = device.tensor(
    Int32Array.from(sequences, ({ last }) => last),
    [sequences.length, 1],
  );
  const result = model.forward(ids, { layers: state.layers });
  group.state = new State(result.layers, state.tokens + 1);
  state.dispose();
  using logits = result.logits!;
  const values = (await logits.data()) as Float32Array;
  const { vocabSize } = model;
  return sequences.map((_, row) => values.subarray(row * vocabSize, (row + 1) * vocabSize));
}

function choose(sequence: Sequence, logits: Float32Array, options: ResolvedOptions): GeneratedToken {
  const id = sampleToken(logits, sequence.seen, options, sequence.random);
  sequence.seen.add(id);
  sequence.last = id;
  return { index: sequence.index, id };
}

function dropEnded(groups: Group[], group: Group, ended: readonly Sequence[]): void {
  const { state } = group;
  const rows = [...group.sequences.keys()].filter((row) => !ended.includes(group.sequences[row]));
  if (rows.length === 0) groups.splice(groups.indexOf(group), 1);
  else {
    group.sequences = rows.map((row) => group.sequences[row]);
    group.state = state.select(rows);
  }
  state.dispose();
}
