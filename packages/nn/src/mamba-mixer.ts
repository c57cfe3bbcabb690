import { selectiveScan } from "@elapid/scan";
import type { Tensor } from "@elapid/tensor";
import { CausalConv1d } from "./causal-conv1d.ts";
import { DecayRates } from "./decay-rates.ts";
import { constant, deltaBias, s4dReal, uniform, type Init } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

export interface MambaMixerConfig {
  readonly dModel: number;
  /** Channels inside the mixer, `expand · dModel`. */
  readonly dInner: number;
  readonly dState: number;
  /** Width of the convolution. */
  readonly dConv: number;
  /** Rank of the projection to the step sizes. */
  readonly dtRank: number;
  /** Biases of `inProj` and `outProj`. Default `false`. */
  readonly bias?: boolean;
  /** Bias of the convolution. Default `true`. */
  readonly convBias?: boolean;
  /** `outProj` starts as many times as large; `1/√layers` keeps the residual stream from growing (GPT-2). Default 1. */
  readonly outScale?: number;
}

/** What a Mamba-1 mixer carries from one token to the next. */
export type MambaMixerState = {
  /** The last `dConv - 1` inputs of the convolution, oldest first: `batch inner window`. */
  readonly conv: Tensor;
  /** The state of the selective scan: `batch inner state`. */
  readonly ssm: Tensor;
};

export interface MambaMixerInput {
  readonly x: Tensor; // batch time model
  readonly state?: MambaMixerState | undefined;
  /** Integers, 0 where a step is padding: it changes neither state nor convolution window. */
  readonly mask?: Tensor | undefined; // batch time
  /** Integers, numbers of packed sequences: one begins wherever the number changes, with state and window of its own. */
  readonly seqIdx?: Tensor | undefined; // batch time
}

/**
 * Mamba-1 mixer: a gated, causally convolved selective scan (Gu & Dao 2023, section 3.4; `Mamba` of
 * state-spaces/mamba). Maps `batch time model` to the same shape. A sequence and its tokens one by one
 * give the same result when the state is handed on.
 *
 * ```ts
 * const { y, state } = mixer.forward({ x });
 * const next = mixer.forward({ x: token, state }); // token: "batch 1 model"
 * ```
 */
export class MambaMixer extends Module {
  readonly inProj: Linear;
  readonly conv1d: CausalConv1d;
  readonly xProj: Linear;
  readonly deltaProj: Linear;
  readonly logA: Tensor; // inner state
  readonly D: Tensor; // inner
  readonly outProj: Linear;
  readonly #config: MambaMixerConfig;
  readonly #rates: DecayRates;

  constructor(config: MambaMixerConfig, init: Init) {
    super();
    const { dModel, dInner, dState, dConv, dtRank, bias = false, convBias = true, outScale = 1 } = config;
    this.#config = config;
    this.inProj = new Linear(dModel, 2 * dInner, init, { bias });
    this.conv1d = new CausalConv1d(dInner, dConv, init, { bias: convBias, activation: "silu" });
    this.xProj = new Linear(dInner, dtRank + 2 * dState, init);
    const weightFill = uniform(dtRank ** -0.5);
    this.deltaProj = new Linear(dtRank, dInner, init, { bias: true, weightFill, biasFill: deltaBias(), role: "delta" });
    this.logA = init([dInner, dState], s4dReal(dState));
    this.D = init([dInner], constant(1));
    const outFill = uniform(outScale * dInner ** -0.5);
    this.outProj = new Linear(dInner, dModel, init, { bias, weightFill: outFill });
    this.#rates = new DecayRates(this.logA);
  }

  /** Computes `A` once and for all; a `logA` that is assigned to later makes it be computed again each time. */
  freeze(): void {
    this.keepDerived(this.#rates.freeze());
  }

  forward({ x, state, mask, seqIdx }: MambaMixerInput): { readonly y: Tensor; readonly state: MambaMixerState } {
    const { dInner, dState, dtRank } = this.#config;
    const [stream, z] = this.inProj.forward(x).split([dInner, dInner]);
    const { y: u, finalState: conv } = this.conv1d.forward({ x: stream, initialState: state?.conv, mask, seqIdx });
    const [rank, B, C] = this.xProj.forward(u).split([dtRank, dState, dState]);
    const delta = this.deltaProj.withoutBias(rank); // the scan adds it, before softplus
    const { y, finalState: ssm } = selectiveScan(
      {
        u,
        delta,
        A: this.#rates.A,
        B,
        C,
        D: this.D,
        z,
        deltaBias: this.deltaProj.bias,
        initialState: state?.ssm,
        mask,
        seqIdx,
      },
      { deltaSoftplus: true },
    );
    return { y: this.outProj.forward(y), state: { conv, ssm } };
  }
}
