import { silu } from "@elapid/ops";
import { ssd } from "@elapid/scan";
import { concat, type Tensor } from "@elapid/tensor";
import { CausalConv1d } from "./causal-conv1d.ts";
import { DecayRates } from "./decay-rates.ts";
import { GroupRmsNorm } from "./group-rms-norm.ts";
import { constant, deltaBias, uniform, type Fill, type Init } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

export interface Mamba2MixerConfig {
  readonly dModel: number;
  /** Channels inside the mixer, `expand · dModel`. Those beyond `nHeads · headDim` pass a gated MLP instead of the scan. */
  readonly dInner: number;
  readonly nHeads: number;
  /** Channels of a head. */
  readonly headDim: number;
  /** Width of the state of a channel. */
  readonly dState: number;
  /** Heads of a group share `B` and `C`. */
  readonly nGroups: number;
  /** Width of the convolution. */
  readonly dConv: number;
  /** Biases of `inProj` and `outProj`. Default `false`. */
  readonly bias?: boolean;
  /** Bias of the convolution. Default `true`. */
  readonly convBias?: boolean;
  /** `outProj` starts as many times as large; `1/√layers` keeps the residual stream from growing (GPT-2). Default 1. */
  readonly outScale?: number;
  /** The norm of what the scan gives: of parts of the channels, each by itself, or `false` for none. Default one part. */
  readonly gatedNorm?: false | { readonly groups?: number; readonly eps?: number; readonly beforeGate?: boolean };
  /** `D` is a number a channel, not a number a head. Default `false`. */
  readonly channelD?: boolean;
  /** Step sizes are held between these. Defaults 0 and infinity. */
  readonly deltaMin?: number;
  readonly deltaMax?: number;
}

/** What a Mamba-2 mixer carries from one token to the next. */
export type Mamba2MixerState = {
  /** The last `dConv - 1` inputs of the convolution, oldest first: `batch channels window`. */
  readonly conv: Tensor;
  /** The state of the recurrence: `batch heads headDim state`. */
  readonly ssm: Tensor;
};

export interface Mamba2MixerInput {
  readonly x: Tensor; // batch time model
  readonly state?: Mamba2MixerState | undefined;
  /** Integers, 0 where a step is padding: it changes neither state nor convolution window. */
  readonly mask?: Tensor | undefined; // batch time
  /** Integers, numbers of packed sequences: one begins wherever the number changes, with state and window of its own. */
  readonly seqIdx?: Tensor | undefined; // batch time
}

/**
 * Mamba-2 mixer: a gated, normalised SSD recurrence over heads, whose `u`, `B` and `C` pass one causal convolution
 * (Dao & Gu 2024, section 7.1; `Mamba2` of state-spaces/mamba). Maps `batch time model` to the same shape. A sequence
 * and its tokens one by one give the same result when the state is handed on, step sizes held by limits included.
 *
 * ```ts
 * const { y, state } = mixer.forward({ x });
 * const next = mixer.forward({ x: token, state }); // token: "batch 1 model"
 * ```
 *
 * @throws RangeError if the heads have more channels than `dInner`, or a norm of groups does not divide them.
 */
export class Mamba2Mixer extends Module {
  readonly inProj: Linear;
  readonly conv1d: CausalConv1d;
  readonly deltaBias: Tensor; // heads
  readonly logA: Tensor; // heads
  readonly D: Tensor; // heads, or heads · headDim
  readonly norm: GroupRmsNorm | undefined;
  readonly outProj: Linear;
  readonly #config: Mamba2MixerConfig;
  readonly #rates: DecayRates;

  constructor(config: Mamba2MixerConfig, init: Init) {
    super();
    const {
      dModel,
      dInner,
      nHeads,
      headDim,
      dState,
      nGroups,
      dConv,
      bias = false,
      convBias = true,
      outScale = 1,
    } = config;
    const { gatedNorm = {}, channelD = false } = config;
    const channels = nHeads * headDim;
    if (channels > dInner) {
      throw new RangeError(
        `Cannot make a mixer: ${nHeads} heads of ${headDim} have ${channels} channels but at most dInner, ${dInner}, was needed`,
      );
    }
    const convolved = channels + 2 * nGroups * dState;
    this.#config = config;
    this.inProj = new Linear(dModel, 2 * dInner + 2 * nGroups * dState + nHeads, init, { bias });
    this.conv1d = new CausalConv1d(convolved, dConv, init, { bias: convBias, activation: "silu" });
    this.deltaBias = init([nHeads], deltaBias());
    this.logA = init([nHeads], logOfUniform(1, 16));
    this.D = init([channelD ? channels : nHeads], constant(1));
    this.norm = gatedNorm === false ? undefined : new GroupRmsNorm(channels, init, gatedNorm);
    const outFill = uniform(outScale * dInner ** -0.5);
    this.outProj = new Linear(dInner, dModel, init, { bias, weightFill: outFill });
    this.#rates = new DecayRates(this.logA);
  }

  /** Computes `A` once and for all; a `logA` that is assigned to later makes it be computed again each time. */
  freeze(): void {
    this.keepDerived(this.#rates.freeze());
  }

  forward({ x, state, mask, seqIdx }: Mamba2MixerInput): { readonly y: Tensor; readonly state: Mamba2MixerState } {
    const { dInner, nHeads, headDim, dState, nGroups, gatedNorm, channelD = false } = this.#config;
    const { deltaMin = 0, deltaMax = Infinity } = this.#config;
    const { batch, time } = x.dims("batch time model");
    const channels = nHeads * headDim;
    const vectors = nGroups * dState; // of B and of C
    const beside = dInner - channels;
    const projected = this.inProj.forward(x).split([2 * beside, channels, channels + 2 * vectors, nHeads]);
    const [besideScan, z, stream, delta] = projected;

    const { y: convolved, finalState: conv } = this.conv1d.forward({
      x: stream,
      initialState: state?.conv,
      mask,
      seqIdx,
    });
    const [u, B, C] = convolved.split([channels, vectors, vectors]);
    const gateLast = gatedNorm !== false && gatedNorm?.beforeGate === true;
    const byHead = [batch, time, nHeads, headDim];
    const byGroup = [batch, time, nGroups, dState];
    const { y, finalState: ssm } = ssd(
      {
        u: u.reshape(byHead),
        delta,
        A: this.#rates.A,
        B: B.reshape(byGroup),
        C: C.reshape(byGroup),
        D: channelD ? undefined : this.D,
        channelD: channelD ? this.D.reshape([nHeads, headDim]) : undefined,
        z: gateLast ? undefined : z.reshape(byHead),
        deltaBias: this.deltaBias,
        initialState: state?.ssm,
        mask,
        seqIdx,
      },
      { deltaSoftplus: true, deltaMin, deltaMax },
    );
    const scanned = y.reshape([batch, time, channels]);
    const normed = this.norm?.forward(scanned) ?? scanned;
    const gated = gateLast ? normed.mul(silu(z)) : normed;
    const all = beside === 0 ? gated : concat([gatedHalves(besideScan), gated], 2);
    return { y: this.outProj.forward(all), state: { conv, ssm } };
  }
}

/** `silu(first half) · second half` of the last dimension. */
function gatedHalves(x: Tensor): Tensor {
  const width = x.shape[2] / 2;
  const [gate, value] = x.split([width, width]);
  return value.mul(silu(gate));
}

/** Logarithms of numbers drawn uniformly, as `Mamba2.__init__` of state-spaces/mamba draws `A`. */
function logOfUniform(min: number, max: number): Fill {
  return (random) => Math.log(min + (max - min) * random.next());
}
