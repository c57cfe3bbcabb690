import { bytesOf, dispose, type Device, type Program, type Tensor } from "@elapid/tensor";
import type { CausalModel, LayerState } from "./define.ts";
import { State } from "./state.ts";

/**
 * Reads one token of each of some sequences at a time. The second step records a program, which the others replay, so that
 * they cost what their kernels do. A model whose state grows with its tokens runs op by op.
 */
export class Decoder {
  readonly #model: CausalModel;
  readonly #device: Device;
  readonly #result: (logits: Tensor) => Tensor;
  /** Its tensors are assigned to by each step. */
  #state: State;
  #input: { readonly ids: Tensor; readonly program: Program<Tensor> } | undefined;
  #grows = true;

  /** Goes on from a state, which is the decoder's from then on. A step gives `result` of its logits `batch 1 vocab`. */
  constructor(model: CausalModel, device: Device, state: State, result: (logits: Tensor) => Tensor) {
    this.#model = model;
    this.#device = device;
    this.#state = state;
    this.#result = result;
  }

  /** Reads a token of each sequence. */
  async step(tokens: readonly number[]): Promise<Float32Array | Int32Array> {
    const values = Int32Array.from(tokens);
    if (this.#grows) {
      using ids = this.#device.tensor(values, [values.length, 1]);
      using result = this.#stepAlone(ids);
      return await result.data();
    }
    if (this.#input === undefined) {
      const ids = this.#device.tensor(values, [values.length, 1]);
      try {
        this.#input = { ids, program: this.#device.record(() => this.#stepInPlace(ids)) };
      } catch (error) {
        ids.dispose();
        throw error;
      }
    } else {
      this.#device.write(this.#input.ids, bytesOf(values));
      this.#input.program.replay();
    }
    return this.#input.program.outputs.data();
  }

  /** Goes on with some of the sequences, in the given order. */
  keep(rows: readonly number[]): void {
    this.#endProgram();
    const kept = this.#state.select(rows);
    this.#state.dispose();
    this.#state = kept;
  }

  [dispose](): void {
    this.#endProgram();
    this.#state.dispose();
  }

  #endProgram(): void {
    this.#input?.program.dispose();
    this.#input?.ids.dispose();
    this.#input = undefined;
  }

  #stepAlone(ids: Tensor): Tensor {
    using scope = this.#device.scope();
    const { logits, layers } = this.#model.forward(ids, { layers: this.#state.layers });
    for (const tensor of layers.flatMap((layer) => Object.values(layer))) scope.keep(tensor);
    this.#grows = !sameShapes(layers, this.#state.layers);
    this.#state.dispose();
    this.#state = new State(layers, this.#state.tokens + 1);
    return scope.keep(this.#result(logits!));
  }

  #stepInPlace(ids: Tensor): Tensor {
    const { layers } = this.#state;
    const after = this.#model.forward(ids, { layers });
    for (const [i, layer] of layers.entries()) {
      for (const [name, tensor] of Object.entries(layer)) tensor.assign(after.layers[i][name]);
    }
    return this.#result(after.logits!);
  }
}

function sameShapes(a: readonly LayerState[], b: readonly LayerState[]): boolean {
  return a.every((layer, i) =>
    Object.entries(layer).every(([name, { shape }]) => shape.join() === b[i][name].shape.join()),
  );
}
