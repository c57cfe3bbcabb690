import { dispose } from "./dispose.ts";
import type { Device } from "./device.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Frees, when it ends, every tensor that was made in it and not kept. Scopes nest and belong to
 * synchronous code: a scope ends before the next `await`, so that two tasks never share one.
 *
 * ```ts
 * using scope = device.scope();
 * return scope.keep(x.mul(x).add(x));
 * ```
 */
export class Scope {
  readonly #device: Device;
  readonly #parent: Scope | undefined;
  readonly #tensors = new Set<Tensor>();

  constructor(device: Device, parent: Scope | undefined) {
    this.#device = device;
    this.#parent = parent;
  }

  get parent(): Scope | undefined {
    return this.#parent;
  }

  /** Hands a tensor to the scope around this one, or to the caller where there is none. */
  keep<T extends Tensor>(tensor: T): T {
    if (this.release(tensor)) this.#parent?.add(tensor);
    return tensor;
  }

  /** @internal Leaves a tensor to the caller; says whether it was in this scope. */
  release(tensor: Tensor): boolean {
    return this.#tensors.delete(tensor);
  }

  /** @internal */
  add(tensor: Tensor): void {
    this.#tensors.add(tensor);
  }

  [dispose](): void {
    this.#device.endScope(this);
    for (const tensor of this.#tensors) tensor.dispose();
    this.#tensors.clear();
  }
}
