import { rnn } from "@elapid/scan";
import type { Tensor } from "@elapid/tensor";
import { uniform, type Init } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

export interface RnnConfig {
  readonly dModel: number;
  /** Channels of the state and of the output. Default `dModel`. */
  readonly dHidden?: number;
  /** Both biases. Default `true`. */
  readonly bias?: boolean;
}

/** What a recurrent layer carries from one token to the next. */
export type RnnState = {
  /** Its last output: `batch hidden`. */
  readonly h: Tensor;
};

export interface RnnInput {
  readonly x: Tensor; // batch time model
  readonly state?: RnnState | undefined;
  /** Integers, 0 where a step is padding: it does not change the state. */
  readonly mask?: Tensor | undefined; // batch time
  /** Integers, numbers of packed sequences: one begins, from a state of 0, wherever the number changes. */
  readonly seqIdx?: Tensor | undefined; // batch time
}

/**
 * Recurrent layer with tanh, `torch.nn.RNN` of one layer (Elman 1990), and started as that is.
 *
 *     h[t] = tanh(inProj(x[t]) + recurrent(h[t-1]))
 *
 * Maps `batch time model` to `batch time hidden`. A sequence and its tokens one by one give the same result when the state is handed
 * on. No step can begin before the last one ended, so training is serial in time.
 *
 * ```ts
 * const { y, state } = layer.forward({ x });
 * const next = layer.forward({ x: token, state }); // token: "batch 1 model"
 * ```
 */
export class Rnn extends Module {
  readonly inProj: Linear;
  readonly recurrent: Linear;

  constructor({ dModel, dHidden = dModel, bias = true }: RnnConfig, init: Init) {
    super();
    [this.inProj, this.recurrent] = recurrentLinears({ dModel, dHidden, bias, gates: 1 }, init);
  }

  /** Nothing follows from parameters alone. */
  freeze(): void {}

  forward({ x, state, mask, seqIdx }: RnnInput): { readonly y: Tensor; readonly state: RnnState } {
    const { effectiveWeight: weight, bias } = this.recurrent;
    const projected = this.inProj.forward(x);
    const { y, finalState: h } = rnn({ x: projected, weight, bias, initialState: state?.h, mask, seqIdx });
    return { y, state: { h } };
  }
}

/** The projections of input and state to so many gates, with all weights and biases uniform in ±1/√hidden, as in PyTorch. */
export function recurrentLinears(
  { dModel, dHidden, bias, gates }: Required<RnnConfig> & { readonly gates: number },
  init: Init,
): [inProj: Linear, recurrent: Linear] {
  const fill = uniform(dHidden ** -0.5);
  const options = { bias, weightFill: fill, biasFill: fill };
  return [
    new Linear(dModel, gates * dHidden, init, options),
    // its errors grow from token to token, and the kernels take float32
    new Linear(dHidden, gates * dHidden, init, { ...options, role: "other" }),
  ];
}
