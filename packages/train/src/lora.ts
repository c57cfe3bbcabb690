import { openFile, openWeights } from "@elapid/loaders";
import { Linear, type Module } from "@elapid/nn";
import { matmul } from "@elapid/ops";
import { dispose, randomSource, type Tensor } from "@elapid/tensor";
import { readTensors, writeTensors } from "./adapter-file.ts";

export interface LoraOptions {
  /** Width of the two factors. Default 8. */
  readonly rank?: number;
  /** The product is scaled by `alpha / rank`. Default: twice the rank. */
  readonly alpha?: number;
  /** Which projections, by their path: `backbone.layers.0.mixer.inProj`. Default: all. */
  readonly has?: (path: string) => boolean;
  /** Settles how the factors start. Default 0. */
  readonly seed?: number;
}

interface Adapter {
  readonly linear: Linear;
  readonly down: Tensor; // rank in
  readonly up: Tensor; // out rank
}

/**
 * Low-rank adaptation (Hu et al. 2021): a projection gives `x · Wᵀ + alpha / rank · x · downᵀ · upᵀ`, and only the two factors
 * are trained. `up` starts with zeros, so that the model is at first what it was. Weights may be of any type; those of a
 * model in q8 or q4 stay so (QLoRA, Dettmers et al. 2023), and the factors are float32.
 *
 * ```ts
 * const lora = new Lora(model, { rank: 8, has: (path) => /(inProj|outProj)$/.test(path) });
 * await train({ model, optimiser: new AdamW(lora.parameters()), ...rest });
 * await lora.save("adapter_model.safetensors");
 * lora.merge();
 * ```
 *
 * @throws RangeError if the rank is not a whole number from 1 on, or no projection is chosen.
 */
export class Lora {
  readonly rank: number;
  readonly alpha: number;
  readonly #adapters = new Map<string, Adapter>();

  constructor(model: Module, { rank = 8, alpha = 2 * rank, has = () => true, seed = 0 }: LoraOptions = {}) {
    if (!(Number.isInteger(rank) && rank > 0)) {
      throw new RangeError(`Cannot make Lora: rank is ${rank} but a whole number from 1 on was needed`);
    }
    this.rank = rank;
    this.alpha = alpha;
    const random = randomSource(seed);
    for (const [path, linear] of model.modules()) {
      if (!(linear instanceof Linear) || !has(path)) continue;
      const { device, shape } = linear.weight;
      const [outDim, inDim] = shape;
      const bound = inDim ** -0.5;
      const start = Float32Array.from({ length: inDim * rank }, () => (2 * random.next() - 1) * bound);
      const adapter: Adapter = { linear, down: device.tensor(start, [rank, inDim]), up: device.zeros([outDim, rank]) };
      this.#adapters.set(path, adapter);
      linear.adapt({ outputs: (x) => this.#outputs(x, adapter), weight: () => this.#weight(adapter) });
    }
    if (this.#adapters.size === 0) throw new RangeError("Cannot make Lora: no projection of the model was chosen");
  }

  /** The factors, by the path of their projection. */
  *parameters(): Generator<readonly [path: string, parameter: Tensor]> {
    for (const [path, { down, up }] of this.#adapters) {
      yield [`${path}.loraDown`, down];
      yield [`${path}.loraUp`, up];
    }
  }

  /**
   * Puts the products into the weights; the model is then as it was trained, and without adapters.
   *
   * @throws TypeError if a weight is not f32, and would be rounded once more; nothing has changed then.
   */
  merge(): void {
    for (const [path, { linear }] of this.#adapters) {
      const { dtype } = linear.weight;
      if (dtype === "f32") continue;
      throw new TypeError(
        `Cannot merge LoRA: the weight of "${path}" is ${dtype} but f32 was needed; load the factors beside the model in f32`,
      );
    }
    for (const { linear } of this.#adapters.values()) {
      using scope = linear.weight.device.scope();
      linear.weight.assign(scope.keep(linear.effectiveWeight));
    }
    this.dispose();
  }

  /**
   * Writes the factors as PEFT names them: `base_model.model.<path>.lora_A.weight`, `rank in`, and `lora_B.weight`,
   * `out rank`; the scale is in the metadata. `rename` gives paths as the base model's checkpoint has them.
   */
  async save(path: string, rename: (path: string) => string = (name) => name): Promise<void> {
    const tensors: [string, readonly number[], Float32Array][] = [];
    for (const [name, { down, up }] of this.#adapters) {
      const prefix = `base_model.model.${rename(name)}`;
      tensors.push([`${prefix}.lora_A.weight`, down.shape, (await down.data()) as Float32Array]);
      tensors.push([`${prefix}.lora_B.weight`, up.shape, (await up.data()) as Float32Array]);
    }
    await writeTensors(path, tensors, { format: "pt", r: String(this.rank), lora_alpha: String(this.alpha) });
  }

  /**
   * Reads factors that `save`, or PEFT, wrote.
   *
   * @throws TypeError that names a tensor that is missing, does not fit or is of other projections; nothing has changed then.
   */
  async load(path: string, rename: (path: string) => string = (name) => name): Promise<void> {
    const wanted = new Map<string, readonly number[]>();
    const prefixOf = (name: string) => `base_model.model.${rename(name)}`;
    for (const [name, { down, up }] of this.#adapters) {
      wanted.set(`${prefixOf(name)}.lora_A.weight`, down.shape);
      wanted.set(`${prefixOf(name)}.lora_B.weight`, up.shape);
    }
    const weights = await openWeights(await openFile(path));
    try {
      const values = await readTensors(weights, wanted);
      for (const [name, { down, up }] of this.#adapters) {
        down.assign(down.device.tensor(values.get(`${prefixOf(name)}.lora_A.weight`)!, down.shape));
        up.assign(up.device.tensor(values.get(`${prefixOf(name)}.lora_B.weight`)!, up.shape));
      }
    } finally {
      await weights.close();
    }
  }

  /** Takes the adapters away and frees them; the model is as it was before. */
  dispose(): void {
    for (const { linear, down, up } of this.#adapters.values()) {
      linear.adapt(undefined);
      down.dispose();
      up.dispose();
    }
    this.#adapters.clear();
  }

  [dispose](): void {
    this.dispose();
  }

  #outputs(x: Tensor, { down, up }: Adapter): Tensor {
    using scope = x.device.scope();
    return scope.keep(matmul(this.#scaled(matmul(x, down)), up));
  }

  #weight({ down, up }: Adapter): Tensor {
    const { device, shape } = down;
    const inDim = shape[1];
    using scope = device.scope();
    const identity = Float32Array.from({ length: inDim * inDim }, (_, i) => (i % (inDim + 1) === 0 ? 1 : 0));
    const turned = matmul(device.tensor(identity, [inDim, inDim]), down); // in rank, exactly
    return scope.keep(this.#scaled(matmul(up, turned)));
  }

  #scaled(x: Tensor): Tensor {
    return x.mul(x.device.full([], this.alpha / this.rank));
  }
}
