import { gelu, glu } from "@elapid/ops";
import { fftConv, hippoNplr, s4Kernel, s4Scan } from "@elapid/scan";
import type { Tensor } from "@elapid/tensor";
import { logUniform, normal, type Init } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

export interface S4Config {
  readonly dModel: number;
  /** States of a channel, in `dState / 2` conjugate pairs. Default 64. */
  readonly dState?: number;
  /** Between these the step sizes are drawn, log-uniformly. Defaults 0.001 and 0.1. */
  readonly dtMin?: number;
  readonly dtMax?: number;
}

/** What an S4 layer carries from one token to the next: its modes, `batch channels modes 2`, real and imaginary part. */
export type S4State = Tensor;

/** Systems whose matrix is normal plus low-rank, `diag(w) - P P*`, one a channel; they start as HiPPO-LegS. */
export class S4Kernel extends Module {
  readonly logDt: Tensor; // channels
  readonly logAReal: Tensor; // channels modes
  readonly AImag: Tensor; // channels modes
  readonly P: Tensor; // channels modes 2
  readonly B: Tensor; // channels modes 2
  readonly C: Tensor; // channels modes 2

  constructor({ dModel, dState = 64, dtMin = 0.001, dtMax = 0.1 }: S4Config, init: Init) {
    super();
    const { w, P, B } = hippoNplr("legs", dState);
    const modes = dState / 2;
    this.logDt = init([dModel], logUniform(dtMin, dtMax));
    this.logAReal = init([dModel, modes], (_, i) => Math.log(-w[2 * (i % modes)]));
    this.AImag = init([dModel, modes], (_, i) => w[2 * (i % modes) + 1]);
    this.P = init([dModel, modes, 2], (_, i) => P[i % dState]);
    this.B = init([dModel, modes, 2], (_, i) => B[i % dState]);
    this.C = init([dModel, modes, 2], normal(Math.SQRT1_2));
  }

  /** What each channel answers to an impulse, over `time` steps: `channels time`. */
  impulseResponse(time: number): Tensor {
    return s4Kernel(this.system(), { time }).K;
  }

  /** The systems as the ops take them. */
  system(): Readonly<Record<"logDt" | "logAReal" | "AImag" | "P" | "B" | "C", Tensor>> {
    const { logDt, logAReal, AImag, P, B, C } = this;
    return { logDt, logAReal, AImag, P, B, C };
  }
}

/**
 * S4 layer: a state-space system with the full HiPPO-LegS matrix for each channel, discretised by the bilinear rule, then what
 * follows it in `S4D` (Gu et al. 2022, Efficiently Modeling Long Sequences with Structured State Spaces; `S4Block` of
 * state-spaces/s4).
 *
 *     y = GLU(W gelu(K * x + D x) + b)
 *
 * Maps `batch time channels` to the same shape. `forward` is one convolution of the whole sequence, for training; `recur` computes
 * the same step by step with a state of fixed size, for generation, and has no gradient.
 *
 * ```ts
 * const y = layer.forward(x);
 * const { state } = layer.recur({ x });
 * const next = layer.recur({ x: token, state }); // token: "batch 1 channels"
 * ```
 *
 * @throws RangeError if `dState` is no positive even number.
 */
export class S4 extends Module {
  readonly D: Tensor; // channels
  readonly kernel: S4Kernel;
  readonly outputLinear: Linear;

  constructor(config: S4Config, init: Init) {
    super();
    const { dModel } = config;
    this.D = init([dModel], normal(1));
    this.kernel = new S4Kernel(config, init);
    this.outputLinear = new Linear(dModel, 2 * dModel, init, { bias: true });
  }

  /** All steps at once, from a state of 0: work grows as `time log time`. */
  forward(x: Tensor): Tensor {
    const { time } = x.dims("batch time channels");
    return this.#mix(fftConv({ u: x, K: this.kernel.impulseResponse(time), D: this.D }).y);
  }

  /** One step after the other, from the state of the steps before. */
  recur({ x, state }: { readonly x: Tensor; readonly state?: S4State | undefined }): {
    readonly y: Tensor;
    readonly state: S4State;
  } {
    const { y, finalState } = s4Scan({ u: x, ...this.kernel.system(), D: this.D, initialState: state });
    return { y: this.#mix(y), state: finalState };
  }

  #mix(y: Tensor): Tensor {
    return glu(this.outputLinear.forward(gelu(y)));
  }
}
