import { openFile, openWeights } from "@elapid/loaders";
import { Module } from "@elapid/nn";
import { dispose, repeat, type Tensor } from "@elapid/tensor";
import { readTensors, writeTensors } from "./adapter-file.ts";
import { freeLayers, type Layers } from "./carried-state.ts";
import { parameterOf, type NextTokenModel, type NextTokenOptions } from "./loss.ts";

/**
 * State tuning: a model whose weights stay, and that begins with states that are learned instead of zeros. It costs
 * nothing to run, and is trained as any other model.
 *
 * ```ts
 * const tuned = new TunedState(model);
 * await train({ model: tuned, optimiser: new AdamW(tuned.parameters(), { weightDecay: 0 }), ...rest });
 * await tuned.save("state.safetensors");
 * model.forward(ids, { layers: tuned.states(batch) });
 * ```
 *
 * Rows that carry states go on from those; packed documents other than the first of a row begin with zeros.
 */
export class TunedState extends Module implements NextTokenModel {
  /** A state of one sequence a layer: `1 …`. */
  readonly layers: readonly Readonly<Record<string, Tensor>>[];
  readonly #model: NextTokenModel;

  /** Starts with zeros. @throws TypeError if the model has no states. */
  constructor(model: NextTokenModel) {
    super();
    this.#model = model;
    const { device } = parameterOf(model);
    using scope = device.scope();
    const { layers = [] } = model.forward(device.tensor(Int32Array.of(0), [1, 1]));
    if (layers.length === 0) throw new TypeError("Cannot tune states: the model gives none");
    this.layers = layers.map((layer) =>
      Object.fromEntries(Object.entries(layer).map(([name, { shape }]) => [name, scope.keep(device.zeros(shape))])),
    );
  }

  forward(ids: Tensor, options: NextTokenOptions = {}): ReturnType<NextTokenModel["forward"]> {
    return this.#model.forward(ids, { ...options, layers: options.layers ?? this.states(ids.shape[0]) });
  }

  /** What the model begins with: the states, for each of `batch` sequences. The caller frees them. */
  states(batch: number): Layers {
    return this.layers.map((layer) =>
      Object.fromEntries(Object.entries(layer).map(([name, state]) => [name, repeated(state, batch)])),
    );
  }

  /** Writes the states as safetensors: `layers.0.ssm`. */
  async save(path: string): Promise<void> {
    const tensors: [string, readonly number[], Float32Array][] = [];
    for (const [name, state] of this.parameters()) {
      tensors.push([name, state.shape, (await state.data()) as Float32Array]);
    }
    await writeTensors(path, tensors, { format: "pt" });
  }

  /** Reads what `save` wrote. @throws TypeError that names a state that does not fit; nothing has changed then. */
  async load(path: string): Promise<void> {
    const wanted = [...this.parameters()];
    const weights = await openWeights(await openFile(path));
    try {
      const values = await readTensors(weights, new Map(wanted.map(([name, { shape }]) => [name, shape])));
      for (const [name, state] of wanted) state.assign(state.device.tensor(values.get(name)!, state.shape));
    } finally {
      await weights.close();
    }
  }

  /** Frees the states; the model stays. */
  override dispose(): void {
    freeLayers(this.layers);
  }

  override [dispose](): void {
    this.dispose();
  }
}

function repeated(state: Tensor, batch: number): Tensor {
  using rows = repeat(state, 0, batch); // batch 1 …
  return rows.reshape(state.shape.with(0, batch));
}
