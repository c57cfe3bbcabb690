import { sizeOf, type Shape, type Tensor } from "@elapid/tensor";
import { Module } from "./module.ts";

/**
 * The chance of the dropouts of a model. What is dropped follows from the seed, the step, the layer and the place in the
 * tensor alone: the same on every device, the same when a part is computed again, and the same in a run that is resumed.
 *
 * ```ts
 * const chance = new DropoutChance(7);
 * const dropout = new Dropout(0.1, chance);
 * chance.during(step, () => dropout.forward(x)); // some are dropped
 * dropout.forward(x); // none is
 * ```
 */
export class DropoutChance {
  readonly seed: number;
  #step: number | undefined;
  #layers = 0;

  constructor(seed: number) {
    this.seed = seed;
  }

  /** @internal Gives a layer its number. */
  enrol(): number {
    return this.#layers++;
  }

  /** Drops while `fn` runs, as it is settled for that step; outside of it nothing is dropped. */
  during<T>(step: number, fn: () => T): T {
    const before = this.#step;
    this.#step = step;
    try {
      return fn();
    } finally {
      this.#step = before;
    }
  }

  /** What a layer multiplies with: 0 or `1 / (1 - rate)`. Nothing outside of `during`. */
  mask(layer: number, rate: number, shape: Shape): Float32Array | undefined {
    if (this.#step === undefined || rate === 0) return undefined;
    const key = mixed(mixed(mixed(this.seed) + this.#step) + layer);
    const scale = 1 / (1 - rate);
    const bound = rate * 2 ** 32;
    return Float32Array.from({ length: sizeOf(shape) }, (_, i) => (mixed(mixed(i + key) ^ key) < bound ? 0 : scale));
  }
}

/** A 32-bit permutation without visible pattern (lowbias32; Wellons 2018). */
function mixed(x: number): number {
  let bits = x | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/**
 * Sets a share `rate` of the elements to 0, by chance, and scales the others so that the mean stays (Srivastava et al. 2014).
 *
 * @throws RangeError if `rate` is not from 0 to below 1.
 */
export class Dropout extends Module {
  readonly rate: number;
  readonly #chance: DropoutChance;
  readonly #layer: number;

  constructor(rate: number, chance: DropoutChance) {
    super();
    if (!(rate >= 0 && rate < 1)) {
      throw new RangeError(`Cannot make Dropout: rate is ${rate} but a number from 0 to below 1 was needed`);
    }
    this.rate = rate;
    this.#chance = chance;
    this.#layer = chance.enrol();
  }

  forward(x: Tensor): Tensor {
    const mask = this.#chance.mask(this.#layer, this.rate, x.shape);
    if (mask === undefined) return x.share();
    using factors = x.device.tensor(mask, x.shape);
    return x.mul(factors);
  }
}
