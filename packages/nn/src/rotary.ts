import { ropeAt, ropeDigits, ropeDigitsShape } from "@elapid/ops";
import type { Device, Tensor } from "@elapid/tensor";

/** The tables by which positions turn, uploaded for each call, or once and for all by `freeze`. */
export class Rotary {
  readonly #pairs: number;
  readonly #tables: { readonly cos: Float32Array; readonly sin: Float32Array };
  #frozen: { readonly cos: Tensor; readonly sin: Tensor } | undefined;

  /** Turns the first `dim` channels of each head, by wavelengths to the base `theta`. */
  constructor(dim: number, theta: number) {
    this.#pairs = dim / 2;
    this.#tables = ropeDigits(this.#pairs, theta);
  }

  /** Uploads the tables, for the caller to free. */
  freeze(device: Device): readonly Tensor[] {
    this.#frozen ??= this.#upload(device);
    return [this.#frozen.cos, this.#frozen.sin];
  }

  /** Turns "batch time heads headDim" at positions "batch time". */
  turn(x: Tensor, position: Tensor): Tensor {
    return ropeAt(x, position, this.#frozen ?? this.#upload(x.device));
  }

  #upload(device: Device) {
    const shape = ropeDigitsShape(this.#pairs);
    return { cos: device.tensor(this.#tables.cos, shape), sin: device.tensor(this.#tables.sin, shape) };
  }
}
