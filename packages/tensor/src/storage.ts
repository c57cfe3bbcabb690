import type { Allocation, Backend } from "./backend.ts";

/**
 * Counted memory of a device. Every tensor, state or tape that needs the values holds one reference;
 * the memory goes back to the backend with the last.
 */
export class Storage {
  readonly allocation: Allocation;
  readonly #backend: Backend;
  #references = 1;

  constructor(backend: Backend, bytes: number, unit: number) {
    this.#backend = backend;
    this.allocation = backend.allocate(bytes, unit);
  }

  retain(): this {
    this.#references++;
    return this;
  }

  release(): void {
    if (--this.#references === 0) this.#backend.free(this.allocation);
  }
}
