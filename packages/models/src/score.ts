import { crossEntropy } from "@elapid/ops";
import type { Device } from "@elapid/tensor";
import type { CausalModel } from "./define.ts";
import { State } from "./state.ts";
import { turn } from "./turn.ts";

export interface ScoreOptions {
  readonly signal?: AbortSignal;
  /** Told after each piece how many tokens are done. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Given the logits piece by piece: `time · vocab` numbers for the tokens from `start` on. */
  readonly onLogits?: (logits: Float32Array, start: number) => void | Promise<void>;
}

export interface Score {
  /** Tokens that were predicted: all but the first. */
  readonly tokens: number;
  /** Sum of their negative log-likelihoods, in nats. */
  readonly nll: number;
  /** `exp(nll / tokens)`; NaN where nothing was predicted. */
  readonly perplexity: number;
}

/** Tokens that are read in one go. */
const PIECE = 256;

/** Runs a model over given tokens and says how well it foresaw each from those before it. */
export async function scoreTokens(
  model: CausalModel,
  device: Device,
  ids: readonly number[],
  { signal, onProgress, onLogits }: ScoreOptions = {},
): Promise<Score> {
  let state: State | undefined;
  let nll = 0;
  try {
    for (let start = 0; start < ids.length; start += PIECE) {
      signal?.throwIfAborted();
      const piece = ids.slice(start, start + PIECE);
      using input = device.tensor(Int32Array.from(piece), [1, piece.length]);
      const result = model.forward(input, { layers: state?.layers });
      state?.dispose();
      state = new State(result.layers, start + piece.length);
      using logits = result.logits!;
      // the last token of all has nothing to foresee
      const labels = Int32Array.from(piece, (_, i) => ids[start + i + 1] ?? -100);
      using targets = device.tensor(labels, [1, piece.length]);
      using losses = crossEntropy(logits, targets);
      for (const loss of await losses.data()) nll += loss;
      if (onLogits !== undefined) await onLogits((await logits.data()) as Float32Array, start);
      onProgress?.({ done: start + piece.length, total: ids.length });
      await turn();
    }
  } finally {
    state?.dispose();
  }
  const tokens = Math.max(0, ids.length - 1);
  return { tokens, nll, perplexity: tokens === 0 ? NaN : Math.exp(nll / tokens) };
}
