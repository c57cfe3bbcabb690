import { gru } from "@elapid/scan";
import type { Tensor } from "@elapid/tensor";
import type { Init } from "./init.ts";
import type { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { recurrentLinears, type RnnConfig, type RnnInput, type RnnState } from "./rnn.ts";

/**
 * Gated recurrent layer, `torch.nn.GRU` of one layer (Cho et al. 2014), and started as that is; see `gru` of @elapid/scan for the
 * equations. Projections hold three gates: reset, update, new. Maps `batch time model` to `batch time hidden`. A sequence and its
 * tokens one by one give the same result when the state is handed on.
 *
 * ```ts
 * const { y, state } = layer.forward({ x });
 * const next = layer.forward({ x: token, state }); // token: "batch 1 model"
 * ```
 */
export class Gru extends Module {
  readonly inProj: Linear;
  readonly recurrent: Linear;

  constructor({ dModel, dHidden = dModel, bias = true }: RnnConfig, init: Init) {
    super();
    [this.inProj, this.recurrent] = recurrentLinears({ dModel, dHidden, bias, gates: 3 }, init);
  }

  /** Nothing follows from parameters alone. */
  freeze(): void {}

  forward({ x, state, mask, seqIdx }: RnnInput): { readonly y: Tensor; readonly state: RnnState } {
    const { effectiveWeight: weight, bias } = this.recurrent;
    const projected = this.inProj.forward(x);
    const { y, finalState: h } = gru({ x: projected, weight, bias, initialState: state?.h, mask, seqIdx });
    return { y, state: { h } };
  }
}
