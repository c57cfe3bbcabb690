import { concat, dispose, type Tensor } from "@elapid/tensor";
import type { LayerState } from "./define.ts";

/**
 * What a model carries from one token to the next, as a value: running a model on from it changes
 * nothing in it. Its size does not depend on how many tokens it has seen, but for layers of attention.
 */
export class State {
  readonly layers: readonly LayerState[];
  /** Tokens that went into it, for each sequence; padding counts. */
  readonly tokens: number;

  constructor(layers: readonly LayerState[], tokens: number) {
    this.layers = layers;
    this.tokens = tokens;
  }

  /** Bytes on the device. */
  get byteLength(): number {
    return this.#tensors().reduce((sum, tensor) => sum + tensor.byteLength, 0);
  }

  /** A second hold on the same state with a life of its own, in constant time and memory. */
  fork(): State {
    return this.#map((tensor) => tensor.share());
  }

  /** The states of some sequences of the batch, in the given order. */
  select(rows: readonly number[]): State {
    return this.#map((tensor) => {
      using scope = tensor.device.scope();
      return scope.keep(
        concat(
          rows.map((row) => tensor.slice(0, row, row + 1)),
          0,
        ),
      );
    });
  }

  /**
   * One state of several sequences, of states of one model. `tokens` is that of the longest; what grows with them, the keys and values
   * of attention, is filled up with zeros.
   */
  static concat(states: readonly State[]): State {
    const [head] = states;
    if (head === undefined) throw new TypeError("Cannot concat states: at least one was needed");
    const layers = head.layers.map((layer, i) =>
      Object.fromEntries(
        Object.keys(layer).map((name) => [name, rowsOf(states.map((state) => state.layers[i][name]))]),
      ),
    );
    return new State(layers, Math.max(...states.map((state) => state.tokens)));
  }

  dispose(): void {
    for (const tensor of this.#tensors()) tensor.dispose();
  }

  [dispose](): void {
    this.dispose();
  }

  #tensors() {
    return this.layers.flatMap((layer) => Object.values(layer));
  }

  #map(f: (tensor: LayerState[string]) => LayerState[string]): State {
    const layers = this.layers.map((layer) =>
      Object.fromEntries(Object.entries(layer).map(([name, tensor]) => [name, f(tensor)])),
    );
    return new State(layers, this.tokens);
  }
}

/** Tensors of some sequences each as one, those that are shorter along the second dimension filled up with zeros. */
function rowsOf(tensors: readonly Tensor[]): Tensor {
  const { device } = tensors[0];
  using scope = device.scope();
  const longest = Math.max(...tensors.map(({ shape }) => shape[1]));
  const filled = tensors.map((tensor) => {
    const missing = longest - tensor.shape[1];
    return missing === 0 ? tensor : concat([tensor, device.zeros(tensor.shape.with(1, missing))], 1);
  });
  return scope.keep(concat(filled, 0));
}
