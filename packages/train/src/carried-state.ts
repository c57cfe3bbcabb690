import { concat, dispose, type Tensor } from "@elapid/tensor";
import type { Batch } from "./data.ts";

/** The tensors that each layer carries from token to token, by name. */
export type Layers = readonly Readonly<Record<string, Tensor>>[];

/**
 * What a run carries from window to window, so that a model learns from states that are older than a window (truncated
 * backpropagation through time): values are carried, gradients end at the border. For data whose rows go on where they
 * were, such as `StreamBatches`.
 *
 * ```ts
 * const carry = new CarriedState();
 * await train({ model, data: new StreamBatches(tokens, { batch: 8, time: 256 }), carry, ...rest });
 * ```
 */
export class CarriedState {
  #layers: Layers | undefined;

  /** What the last step ended with; nothing at the start. */
  get layers(): Layers | undefined {
    return this.#layers;
  }

  /** Takes over other states; those of before are freed. */
  replace(layers: Layers | undefined): void {
    if (layers === this.#layers) return;
    this.dispose();
    this.#layers = layers;
  }

  /** Its tensors by name: `carry.0.ssm`. */
  *entries(): Generator<readonly [name: string, tensor: Tensor]> {
    for (const [i, layer] of (this.#layers ?? []).entries()) {
      for (const [name, tensor] of Object.entries(layer)) yield [`carry.${i}.${name}`, tensor];
    }
  }

  dispose(): void {
    freeLayers(this.#layers);
    this.#layers = undefined;
  }

  [dispose](): void {
    this.dispose();
  }
}

/**
 * The states that a batch goes on from: those carried, but zeros for a row that begins with a document of its own, as its first
 * number in `seqIdx` then is not 0. None at the beginning of an epoch.
 */
export function carriedInto({ seqIdx, begins, batch, time }: Batch, layers: Layers | undefined): Layers | undefined {
  if (begins) return undefined;
  const isFresh = Array.from({ length: batch }, (_, row) => seqIdx !== undefined && seqIdx[row * time] !== 0);
  if (!isFresh.includes(true)) return layers;
  if (!isFresh.includes(false)) return undefined;
  const withFreshRows = (tensor: Tensor) => {
    const rows = isFresh.map((fresh, row) =>
      fresh ? tensor.device.zeros([1, ...tensor.shape.slice(1)]) : tensor.slice(0, row, row + 1),
    );
    return concat(rows, 0);
  };
  return layers?.map((layer) =>
    Object.fromEntries(Object.entries(layer).map(([name, tensor]) => [name, withFreshRows(tensor)])),
  );
}

/** Frees the tensors of some layers. */
export function freeLayers(layers: Layers | undefined): void {
  for (const tensor of (layers ?? []).flatMap((layer) => Object.values(layer))) tensor.dispose();
}
