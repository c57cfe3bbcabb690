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
  /** Its tensors are assigned to by each step. */
  #state: State;
  #input: { readonly ids: Tensor; readonly program: Program<Tensor> } | undefined;
  #grows = true;

  /** Goes on from a state, which is the decoder's from then on. */
  constructor(model: CausalModel, device: Device, state: State) {
    this.#model = model;
    this.#device = device;
    this.#state = state;
  }

  /** Reads a token of each sequence; gives the logits after it, row by row. */
  async step(tokens: readonly number[]): Promise<Float32Array> {
    const values = Int32Array.from(tokens);
    if (this.#grows) {
      using ids = this.#device.tensor(values, [values.length, 1]);
      using logits = this.#stepAlone(ids);
      return (await logits.data()) as Float32Array;
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
    return (await this.#input.program.outputs.data()) as Float32Array;
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
    const { logits, layers } = this.#model.forward(ids, { layers: this.#state.layers });
    this.#grows = !sameShapes(layers, this.#state.layers);
    this.#state.dispose();
    this.#state = new State(layers, this.#state.tokens + 1);
    return logits!;
  }

  #stepInPlace(ids: Tensor): Tensor {
    const { layers } = this.#state;
    const after = this.#model.forward(ids, { layers });
    for (const [i, layer] of layers.entries()) {
      for (const [name, tensor] of Object.entries(layer)) tensor.assign(after.layers[i][name]);
    }
    return after.logits!;
  }
}

function sameShapes(a: readonly LayerState[], b: readonly LayerState[]): boolean {
  return a.every((layer, i) =>
    Object.entries(layer).every(([name, { shape }]) => shape.join() === b[i][name].shape.join()),
  );
}
