import { argmax } from "@elapid/ops";
import { dispose, randomSource, type Device, type RandomSource } from "@elapid/tensor";
import { Decoder } from "./decoder.ts";
import type { CausalModel } from "./define.ts";
import type { ResolvedOptions } from "./options.ts";
import { likeliest, sampleToken } from "./sample.ts";
import { State } from "./state.ts";
import { turn } from "./turn.ts";

/** Tokens that are read in one go; the state is all that stays, so memory does not grow with the prompt. */
const PREFILL = 128;

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

/**
 * Continues each prompt, token by token, until its `stops` says so or `maxTokens` are reached. Each prompt
 * is read alone and has its own random numbers, and ops compute a row alike whatever stands beside it, so what
 * it becomes does not depend on the others.
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
  if (maxTokens === 0) return;
  const states: State[] = [];
  let decoder: Decoder | undefined;
  let sequences: Sequence[] = [];
  try {
    for (const [index, prompt] of prompts.entries()) {
      const { state, logits } = await prefill(model, device, prompt, signal);
      states.push(state);
      const sequence = { index, random: randomSource(options.seed), seen: new Set(prompt), last: -1 };
      const token = choose(sequence, logits, options);
      yield token;
      if (finished(token)) states.pop()!.dispose();
      else sequences.push(sequence);
    }
    if (sequences.length === 0) return;
    // the likeliest token is picked on the device
    const isGreedy = options.temperature === 0 && options.repetitionPenalty === 1;
    decoder = new Decoder(model, device, State.concat(states), isGreedy ? argmax : (logits) => logits);
    for (const state of states.splice(0)) state.dispose();

    for (let count = 1; count < maxTokens && sequences.length > 0; count++) {
      signal?.throwIfAborted();
      const results = await decoder.step(sequences.map(({ last }) => last));
      const width = results.length / sequences.length;
      const going: number[] = [];
      for (const [row, sequence] of sequences.entries()) {
        const result = results.subarray(row * width, (row + 1) * width);
        const token =
          result instanceof Int32Array
            ? chosen(sequence, likeliest(result[0], model.vocabSize))
            : choose(sequence, result, options);
        yield token;
        if (!finished(token)) going.push(row);
      }
      if (going.length < sequences.length) {
        sequences = going.map((row) => sequences[row]);
        if (going.length > 0) decoder.keep(going);
      }
      await turn();
    }
  } finally {
    decoder?.[dispose]();
    for (const state of states) state.dispose();
  }
}

/** Reads a prompt in pieces and returns the logits after its last token. */
async function prefill(model: CausalModel, device: Device, prompt: readonly number[], signal: AbortSignal | undefined) {
  if (prompt.length === 0) throw new RangeError("Cannot generate: the prompt is empty");
  let state: State | undefined;
  try {
    for (let start = 0; ; start += PREFILL) {
      signal?.throwIfAborted();
      const piece = prompt.slice(start, start + PREFILL);
      const isLast = start + PREFILL >= prompt.length;
      using ids = device.tensor(Int32Array.from(piece), [1, piece.length]);
      const result = model.forward(ids, { layers: state?.layers, logits: isLast ? "last" : "none" });
      state?.dispose();
      state = new State(result.layers, start + piece.length);
      using last = result.logits;
      if (last !== undefined) return { state, logits: (await last.data()) as Float32Array };
      await device.finish();
      await turn();
    }
  } catch (error) {
    state?.dispose();
    throw error;
  }
}

function choose(sequence: Sequence, logits: Float32Array, options: ResolvedOptions): GeneratedToken {
  return chosen(sequence, sampleToken(logits, sequence.seen, options, sequence.random));
}

function chosen(sequence: Sequence, id: number): GeneratedToken {
  sequence.seen.add(id);
  sequence.last = id;
  return { index: sequence.index, id };
}
