import { gelu, glu } from "@elapid/ops";
import { fftConv, ltiScan, s4dInit, s4dKernel, type S4dInit } from "@elapid/scan";
import { concat, type Tensor } from "@elapid/tensor";
import { logUniform, normal, type Init } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

export interface S4DConfig {
  readonly dModel: number;
  /** States of a channel, in `dState / 2` conjugate pairs unless they are real. Default 64. */
  readonly dState?: number;
  /** Real states, which start with the rates 1, 2, 3, ...: S4D-Real. Default: complex ones. */
  readonly real?: boolean;
  /** Between these the step sizes are drawn, log-uniformly. Defaults 0.001 and 0.1. */
  readonly dtMin?: number;
  readonly dtMax?: number;
  /** How complex eigenvalues are spread at the start. Default `"lin"`. */
  readonly spread?: S4dInit;
}

/** What an S4D layer carries from one token to the next: its modes, `batch channels modes 2`, real and imaginary part. */
export type S4DState = Tensor;

/** The diagonal systems of an S4D layer, one a channel, whose `B` is 1. */
export class S4DKernel extends Module {
  readonly logDt: Tensor; // channels
  readonly C: Tensor; // channels modes 2, or channels modes
  readonly logAReal: Tensor; // channels modes
  readonly AImag: Tensor | undefined; // channels modes

  constructor(
    { dModel, dState = 64, real = false, dtMin = 0.001, dtMax = 0.1, spread = real ? "real" : "lin" }: S4DConfig,
    init: Init,
  ) {
    super();
    if (real && spread !== "real") {
      throw new RangeError(`Cannot make an S4D layer: real states cannot be spread as "${spread}", only as "real"`);
    }
    // one mode of each conjugate pair; of real modes each stands for itself
    const modes = real ? dState : dState / 2;
    const { A } = s4dInit(spread, 2 * modes);
    this.logDt = init([dModel], logUniform(dtMin, dtMax));
    this.C = real ? init([dModel, modes], normal(1)) : init([dModel, modes, 2], normal(Math.SQRT1_2));
    this.logAReal = init([dModel, modes], (_, i) => Math.log(-A[2 * (i % modes)]));
    // of a conjugate pair the official layer keeps the one that turns the other way than that of s4dInit
    this.AImag = real ? undefined : init([dModel, modes], (_, i) => -A[2 * (i % modes) + 1]);
  }

  /** What each channel answers to an impulse, over `time` steps: `channels time`. */
  impulseResponse(time: number): Tensor {
    const { logDt, logAReal } = this;
    return s4dKernel({ logDt, logAReal, ...this.#complexParts() }, { time }).K;
  }

  /** The same systems as `ltiScan` takes them. */
  system(): { readonly A: Tensor; readonly B: Tensor; readonly C: Tensor; readonly dt: Tensor } {
    const { device, shape } = this.logAReal;
    const column = [...shape, 1];
    const { C, AImag } = this.#complexParts();
    const A = concat([this.logAReal.exp().neg().reshape(column), AImag.reshape(column)], 2);
    const B = concat([device.full(column, 1), device.zeros(column)], 2);
    return { A, B, C, dt: this.logDt.exp() };
  }

  /** `C` and `AImag`; of real modes half of each, as kernel and scan count every mode twice, for its conjugate. */
  #complexParts(): { readonly C: Tensor; readonly AImag: Tensor } {
    const { C, AImag } = this;
    if (AImag !== undefined) return { C, AImag };
    const { device, shape } = C;
    const column = [...shape, 1];
    const halves = C.reshape(column).mul(device.full([1], 0.5));
    return { C: concat([halves, device.zeros(column)], 2), AImag: device.zeros(shape) };
  }
}

/**
 * S4D layer: a diagonal state-space system for each channel, GELU, then channels mixed and gated (Gu et al. 2022, On the
 * Parameterization and Initialization of Diagonal State Space Models; `S4D` of state-spaces/s4, models/s4/s4d.py).
 *
 *     y = GLU(W gelu(K * x + D x) + b)
 *
 * Maps `batch time channels` to the same shape. Nothing in the system depends on the input, so a sequence is one
 * convolution: `forward`, for training. `recur` computes the same step by step with a state of fixed size: generation.
 *
 * ```ts
 * const y = layer.forward(x);
 * const { state } = layer.recur({ x });
 * const next = layer.recur({ x: token, state }); // token: "batch 1 channels"
 * ```
 *
 * @throws RangeError if `dState` is no positive number, even unless states are real, or `spread` is unknown.
 */
export class S4D extends Module {
  readonly D: Tensor; // channels
  readonly kernel: S4DKernel;
  readonly outputLinear: Linear;

  constructor(config: S4DConfig, init: Init) {
    super();
    const { dModel } = config;
    this.D = init([dModel], normal(1));
    this.kernel = new S4DKernel(config, init);
    this.outputLinear = new Linear(dModel, 2 * dModel, init, { bias: true });
  }

  /** All steps at once, from a state of 0: work grows as `time log time`. */
  forward(x: Tensor): Tensor {
    const { time } = x.dims("batch time channels");
    return this.#mix(fftConv({ u: x, K: this.kernel.impulseResponse(time), D: this.D }).y);
  }

  /** One step after the other, from the state of the steps before. */
  recur({ x, state }: { readonly x: Tensor; readonly state?: S4DState | undefined }): {
    readonly y: Tensor;
    readonly state: S4DState;
  } {
    const { y, finalState } = ltiScan({ u: x, ...this.kernel.system(), D: this.D, initialState: state });
    return { y: this.#mix(y), state: finalState };
  }

  #mix(y: Tensor): Tensor {
    return glu(this.outputLinear.forward(gelu(y)));
  }
}
