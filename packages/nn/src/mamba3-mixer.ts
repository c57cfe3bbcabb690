import { mamba3, mamba3Steps } from "@elapid/scan";
import type { Tensor } from "@elapid/tensor";
import { GroupRmsNorm } from "./group-rms-norm.ts";
import { constant, deltaBias, type Init } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { RmsNorm } from "./norm.ts";

export interface Mamba3MixerConfig {
  readonly dModel: number;
  readonly nHeads: number;
  /** Channels of a head. */
  readonly headDim: number;
  /** Width of the state of a channel. */
  readonly dState: number;
  /** Heads of a group share `B` and `C`. */
  readonly nGroups: number;
  /** Pairs of `B` and `C` that are turned, at most `dState / 2`; all heads have the same angles a unit of step size. */
  readonly nAngles: number;
  /** Inputs and outputs of a head that share its state: MIMO, which turns pairs a half apart. Default: one, and neighbours are pairs. */
  readonly mimoRank?: number | undefined;
  /** Every head's output is normalised before its gate. Default `false`. */
  readonly headNorm?: boolean;
  /** `-A` is at least this. Default 1e-4. */
  readonly aFloor?: number;
}

/** What a Mamba-3 mixer carries from one token to the next. */
export type Mamba3MixerState = {
  /** The state of the recurrence: `batch heads headDim state`. */
  readonly ssm: Tensor;
  /** `B` of the last token, turned: `batch heads rank state`. */
  readonly B: Tensor;
  /** The input of the last token, projected to ranks: `batch heads rank headDim`. */
  readonly x: Tensor;
  /** The sum of all angles without whole turns, which the official single step counts on: `batch heads pairs`. */
  readonly angle: Tensor;
};

export interface Mamba3MixerInput {
  readonly x: Tensor; // batch time model
  readonly state?: Mamba3MixerState | undefined;
  /** Integers, 0 where a step is padding: it changes no state. */
  readonly mask?: Tensor | undefined; // batch time
  /** Integers, the sequence that a step belongs to; where it changes, the state begins anew. */
  readonly seqIdx?: Tensor | undefined; // batch time
}

/**
 * Mamba-3 mixer: a gated recurrence over heads with a trapezoid for a step and a state that turns, whose `B` and `C` are
 * normalised; it has no convolution (Lahoti et al. 2026; `Mamba3` of state-spaces/mamba). Maps `batch time model` to the same
 * shape. A sequence and its tokens one by one give the same result when the state is handed on.
 *
 * ```ts
 * const { y, state } = mixer.forward({ x });
 * const next = mixer.forward({ x: token, state }); // token: "batch 1 model"
 * ```
 */
export class Mamba3Mixer extends Module {
  readonly inProj: Linear;
  readonly deltaBias: Tensor; // heads
  readonly BBias: Tensor; // heads rank state
  readonly CBias: Tensor; // heads rank state
  readonly BNorm: RmsNorm;
  readonly CNorm: RmsNorm;
  readonly mimoX: Tensor | undefined; // heads rank headDim
  readonly mimoZ: Tensor | undefined; // heads rank headDim
  readonly mimoO: Tensor | undefined; // heads rank headDim
  readonly D: Tensor; // heads
  readonly norm: GroupRmsNorm | undefined;
  readonly outProj: Linear;
  readonly #config: Mamba3MixerConfig;

  constructor(config: Mamba3MixerConfig, init: Init) {
    super();
    const { dModel, nHeads, headDim, dState, nGroups, nAngles, mimoRank, headNorm = false } = config;
    this.#config = config;
    const rank = mimoRank ?? 1;
    const channels = nHeads * headDim;
    this.inProj = new Linear(dModel, 2 * channels + 2 * rank * nGroups * dState + 3 * nHeads + nAngles, init);
    this.deltaBias = init([nHeads], deltaBias());
    this.BBias = init([nHeads, rank, dState], constant(1));
    this.CBias = init([nHeads, rank, dState], constant(1));
    this.BNorm = new RmsNorm(dState, init);
    this.CNorm = new RmsNorm(dState, init);
    if (mimoRank !== undefined) {
      // ranks begin as one head that is spread over them
      this.mimoX = init([nHeads, rank, headDim], constant(1 / rank));
      this.mimoZ = init([nHeads, rank, headDim], constant(1));
      this.mimoO = init([nHeads, rank, headDim], constant(1 / rank));
    }
    this.D = init([nHeads], constant(1));
    this.norm = headNorm ? new GroupRmsNorm(channels, init, { groups: nHeads }) : undefined;
    this.outProj = new Linear(channels, dModel, init);
  }

  /** Nothing follows from parameters alone. */
  freeze(): void {}

  forward({ x, state, mask, seqIdx }: Mamba3MixerInput): { readonly y: Tensor; readonly state: Mamba3MixerState } {
    const { nHeads, headDim, dState, nGroups, nAngles, mimoRank, aFloor: floor = 1e-4 } = this.#config;
    const { batch, time } = x.dims("batch time model");
    const rank = mimoRank ?? 1;
    const channels = nHeads * headDim;
    const vectors = rank * nGroups * dState; // of B and of C
    const [z, stream, B, C, rawDelta, rawA, trap, angles] = this.inProj
      .forward(x)
      .split([channels, channels, vectors, vectors, nHeads, nHeads, nHeads, nAngles]);
    const { deltaBias } = this;
    const { delta, logDecay, headAngles } = mamba3Steps({ rawDelta, rawA, deltaBias, angles }, { floor });
    const byHead = [batch, time, nHeads, headDim];
    const byGroup = [batch, time, rank, nGroups, dState];
    const { y, finalState, finalB, finalX, finalAngle } = mamba3(
      {
        x: stream.reshape(byHead),
        B: this.BNorm.forward(B.reshape(byGroup)),
        C: this.CNorm.forward(C.reshape(byGroup)),
        logDecay,
        delta,
        trap,
        angles: headAngles,
        BBias: this.BBias,
        CBias: this.CBias,
        D: this.D,
        z: z.reshape(byHead),
        xProjection: this.mimoX,
        zProjection: this.mimoZ,
        yProjection: this.mimoO,
        normWeight: this.norm?.weight.reshape([nHeads, headDim]),
        initialState: state?.ssm,
        initialB: state?.B,
        initialX: state?.x,
        initialAngle: state?.angle,
        mask,
        seqIdx,
      },
      { rotation: mimoRank === undefined ? "pairwise" : "halved", normEps: this.norm?.eps ?? 1e-5 },
    );
    const output = this.outProj.forward(y.reshape([batch, time, channels]));
    return { y: output, state: { ssm: finalState, B: finalB, x: finalX, angle: finalAngle } };
  }
}
