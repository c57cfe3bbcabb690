import { UnsupportedError, type Tensor } from "@elapid/tensor";
import type { Init } from "./init.ts";
import { Module } from "./module.ts";
import { S4D, type S4DConfig } from "./s4d.ts";

/** What it carries from one token to the next; nothing, where no state is asked for. */
export type S4DMixerState = {
  readonly modes?: Tensor; // batch channels modes 2
};

export interface S4DMixerInput {
  readonly x: Tensor; // batch time model
  readonly state?: S4DMixerState | undefined;
  readonly mask?: Tensor | undefined; // batch time
  readonly seqIdx?: Tensor | undefined; // batch time
  /** No state is asked for, so that a sequence from its start may be a convolution. Default `false`. */
  readonly stateless?: boolean | undefined;
}

/**
 * An S4D layer in the form of the other mixers. It recurs, from a state to a state; where there is none before and none is asked for
 * after, as in training, it convolves. Both give the same.
 *
 * @throws UnsupportedError for padding or packed sequences, which a convolution runs over.
 */
export class S4DMixer extends Module {
  readonly s4d: S4D;

  constructor(config: S4DConfig, init: Init) {
    super();
    this.s4d = new S4D(config, init);
  }

  forward({ x, state, mask, seqIdx, stateless = false }: S4DMixerInput): {
    readonly y: Tensor;
    readonly state: S4DMixerState;
  } {
    const what = mask !== undefined ? "padding (mask)" : "packed sequences (seqIdx)";
    if (mask !== undefined || seqIdx !== undefined) {
      throw new UnsupportedError(`Cannot run S4D: it has no support for ${what}; give sequences that stand alone`);
    }
    if (stateless && state === undefined) return { y: this.s4d.forward(x), state: {} };
    const { y, state: modes } = this.s4d.recur({ x, state: state?.modes });
    return { y, state: { modes } };
  }
}
