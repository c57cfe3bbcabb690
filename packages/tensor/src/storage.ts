import type { Allocation, Backend } from "./backend.ts";

/** Where storage comes from and goes back to. */
export type Memory = Pick<Backend, "allocate" | "free">;

/**
 * Counted memory of a device. Every tensor, state or tape that needs the values holds one reference;
 * the memory goes back to where it came from with the last.
 */
export class Storage {
  readonly allocation: Allocation;
  readonly memory: Memory;
  /** Programs that read or write it: their addresses do not change. */
  programs = 0;
  #references = 1;

  constructor(memory: Memory, bytes: number, unit: number) {
    this.memory = memory;
    this.allocation = memory.allocate(bytes, unit);
  }

  /** Whether more than one holds it. */
  get isShared(): boolean {
    return this.#references > 1;
  }

  retain(): this {
    this.#references++;
    return this;
  }

  release(): void {
    if (--this.#references === 0) this.memory.free(this.allocation);
  }
}
