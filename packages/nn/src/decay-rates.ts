import type { Tensor } from "@elapid/tensor";

/** `A = -exp(logA)`, computed for each call, or once and for all by `freeze`. */
export class DecayRates {
  readonly #logA: Tensor;
  #frozen: { readonly A: Tensor; readonly version: number } | undefined;

  constructor(logA: Tensor) {
    this.#logA = logA;
  }

  /** Keeps `A` as it is now, for the caller to free; a `logA` that is assigned to later makes it be computed again each time. */
  freeze(): Tensor {
    this.#frozen ??= { A: this.#compute(), version: this.#logA.version };
    return this.#frozen.A;
  }

  get A(): Tensor {
    const frozen = this.#frozen;
    const isFresh = frozen?.version === this.#logA.version && !this.#logA.device.differentiating;
    return isFresh ? frozen.A : this.#compute();
  }

  #compute(): Tensor {
    using rates = this.#logA.exp();
    return rates.neg();
  }
}
