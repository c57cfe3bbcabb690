import { emaOp } from "@elapid/ops";
import { dispose, type Tensor } from "@elapid/tensor";
import { requireShare, type NamedTensors } from "./optimiser.ts";

/**
 * Exponential moving average of parameters, which often predicts better than the last of them.
 *
 * ```ts
 * const ema = new Ema(model.parameters(), 0.999);
 * ema.update(); // after each step
 * ema.swap(); // the model has the averages
 * ema.swap(); // and its own parameters again
 * ```
 *
 * @throws RangeError if `decay` is not from 0 to below 1.
 */
export class Ema {
  /** The averages, by name: `ema.layers.0.norm.weight`. */
  readonly state: ReadonlyMap<string, Tensor>;
  readonly #parameters: ReadonlyMap<string, Tensor>;
  readonly #decay: number;

  constructor(parameters: NamedTensors, decay: number) {
    requireShare("Ema", { decay });
    this.#parameters = new Map(parameters);
    this.#decay = decay;
    this.state = new Map([...this.#parameters].map(([name, parameter]) => [`ema.${name}`, parameter.share()]));
  }

  /** Moves the averages towards the parameters. */
  update(): void {
    for (const [average, parameter] of this.#pairs()) {
      average.assign(emaOp({ average, parameter }, { decay: this.#decay }).newAverage);
    }
  }

  /** Exchanges the averages with the parameters, without a copy. */
  swap(): void {
    for (const [average, parameter] of this.#pairs()) {
      const own = parameter.share();
      parameter.assign(average.share());
      average.assign(own);
    }
  }

  /** Frees the averages. */
  dispose(): void {
    for (const average of this.state.values()) average.dispose();
  }

  [dispose](): void {
    this.dispose();
  }

  *#pairs(): Generator<readonly [average: Tensor, parameter: Tensor]> {
    for (const [name, parameter] of this.#parameters) yield [this.state.get(`ema.${name}`)!, parameter];
  }
}
