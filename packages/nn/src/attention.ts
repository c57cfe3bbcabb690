import { attention, attentionPlaces } from "@elapid/ops";
import { concat, type Tensor } from "@elapid/tensor";
import { uniform, type Init } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { Rotary } from "./rotary.ts";

export interface AttentionConfig {
  readonly dModel: number;
  readonly nHeads: number;
  /** Heads of keys and values, each shared by `nHeads / nKvHeads` heads of queries. Default `nHeads`. */
  readonly nKvHeads?: number;
  /** Channels of a head. Default `dModel / nHeads`. */
  readonly headDim?: number;
  /** Channels of a head that are turned by their position, an even number; 0 for no sense of position. Default `headDim`. */
  readonly rotaryDim?: number;
  /** Base of the wavelengths of the turns. Default 10000. */
  readonly ropeTheta?: number;
  /** Biases of `inProj` and `outProj`. Default `false`. */
  readonly bias?: boolean;
  /** `outProj` starts as many times as large; `1/√layers` keeps the residual stream from growing (GPT-2). Default 1. */
  readonly outScale?: number;
}

/** What attention carries from one token to the next: the keys and values of all tokens so far. It grows with each. */
export type AttentionState = {
  readonly k: Tensor; // batch keys kvHeads headDim
  readonly v: Tensor; // batch keys kvHeads headDim
  /** Which keys are there, and where the next token stands; see `attentionPlaces` of @elapid/ops. */
  readonly seen: Tensor; // batch 2+keys
};

export interface AttentionInput {
  readonly x: Tensor; // batch time model
  readonly state?: AttentionState | undefined;
  /** Integers, 0 where a step is padding: nobody looks at it, and it takes no position. */
  readonly mask?: Tensor | undefined; // batch time
  /** Integers, numbers of packed sequences: one begins wherever the number changes, and looks at none before. */
  readonly seqIdx?: Tensor | undefined; // batch time
}

/**
 * Causal softmax attention with grouped queries and rotary positions (Vaswani et al. 2017; Ainslie et al. 2023; Su et al. 2021).
 * Maps `batch time model` to the same shape, with the state of the tokens before and after as the mixers have it.
 *
 * The state is a value: a step copies it and adds itself. A token takes `4 (2 nKvHeads headDim + 1)` bytes of it, in each sequence.
 * No tensor of `time` by `time` is made, forward or backward.
 *
 * ```ts
 * const layer = new Attention({ dModel: 256, nHeads: 4, nKvHeads: 2 }, init);
 * const { y, state } = layer.forward({ x });
 * const next = layer.forward({ x: token, state }); // token: "batch 1 model"
 * ```
 *
 * @throws RangeError if heads cannot be shared out evenly, or `rotaryDim` is odd or more than `headDim`.
 */
export class Attention extends Module {
  /** Queries, keys and values, in this order, head after head. */
  readonly inProj: Linear;
  readonly outProj: Linear;
  readonly #heads: { readonly nHeads: number; readonly nKvHeads: number; readonly headDim: number };
  readonly #rotary: Rotary | undefined;

  constructor(config: AttentionConfig, init: Init) {
    super();
    const { dModel, nHeads, nKvHeads = nHeads, headDim = dModel / nHeads } = config;
    const { rotaryDim = headDim, ropeTheta = 10_000, bias = false, outScale = 1 } = config;
    check(config, { nKvHeads, headDim, rotaryDim });
    this.#heads = { nHeads, nKvHeads, headDim };
    if (rotaryDim > 0) this.#rotary = new Rotary(rotaryDim, ropeTheta);
    const inner = nHeads * headDim;
    this.inProj = new Linear(dModel, inner + 2 * nKvHeads * headDim, init, { bias });
    this.outProj = new Linear(inner, dModel, init, { bias, weightFill: uniform(outScale * inner ** -0.5) });
  }

  /** Uploads once what positions are turned by. */
  freeze(): void {
    for (const table of this.#rotary?.freeze(this.outProj.weight.device) ?? []) this.keepDerived(table);
  }

  forward({ x, state, mask, seqIdx }: AttentionInput): { readonly y: Tensor; readonly state: AttentionState } {
    const { nHeads, nKvHeads, headDim } = this.#heads;
    const { batch, time } = x.dims("batch time model");
    const [turning, value] = this.inProj.forward(x).split([(nHeads + nKvHeads) * headDim, nKvHeads * headDim]);
    const seen = state?.seen ?? x.device.zeros([batch, 2]);
    const { position, first, visible, next } = attentionPlaces({ seen, mask, seqIdx }, { time });

    const heads = turning.reshape([batch, time, nHeads + nKvHeads, headDim]);
    const turned = (this.#rotary?.turn(heads, position) ?? heads).reshape(turning.shape);
    const [q, key] = turned.split([nHeads * headDim, nKvHeads * headDim]);
    const byHead = [batch, time, nKvHeads, headDim];
    const k = joined(state?.k, key.reshape(byHead));
    const v = joined(state?.v, value.reshape(byHead));

    const restrictions = {
      ...((state ?? mask) !== undefined && { mask: visible }),
      ...((state ?? seqIdx) !== undefined && { first }),
    };
    const read = attention(q.reshape([batch, time, nHeads, headDim]), k, v, restrictions);
    return { y: this.outProj.forward(read.reshape([batch, time, nHeads * headDim])), state: { k, v, seen: next } };
  }
}

function joined(past: Tensor | undefined, now: Tensor): Tensor {
  return past === undefined ? now : concat([past, now], 1);
}

function check(
  { dModel, nHeads }: AttentionConfig,
  { nKvHeads, headDim, rotaryDim }: { readonly nKvHeads: number; readonly headDim: number; readonly rotaryDim: number },
): void {
  const refuse = (what: string): never => {
    throw new RangeError(`Cannot make a layer of attention: ${what}`);
  };
  if (!Number.isInteger(headDim)) refuse(`dModel is ${dModel} but a multiple of nHeads, ${nHeads}, was needed`);
  if (nHeads % nKvHeads !== 0) refuse(`nHeads is ${nHeads} but a multiple of nKvHeads, ${nKvHeads}, was needed`);
  if (!(rotaryDim >= 0 && rotaryDim <= headDim && rotaryDim % 2 === 0)) {
    refuse(`rotaryDim is ${rotaryDim} but an even number up to headDim, ${headDim}, was needed`);
  }
}
