import type { Allocation, Backend } from "./backend.ts";
import type { Memory } from "./storage.ts";

/**
 * Memory of a program. What is given back stays here for the next request of its size, so that nobody else writes
 * where the program will; when the arena is closed, what is not in use goes back to the backend, and the rest follows.
 */
export class Arena implements Memory {
  readonly #backend: Backend;
  readonly #idle = new Map<string, Allocation[]>();
  readonly #keys = new Map<Allocation, string>();
  #closed = false;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  allocate(bytes: number, unit: number): Allocation {
    const key = `${bytes}/${unit}`;
    const allocation = this.#idle.get(key)?.pop() ?? this.#backend.allocate(bytes, unit);
    this.#keys.set(allocation, key);
    return allocation;
  }

  free(allocation: Allocation): void {
    if (this.#closed) {
      this.#backend.free(allocation);
      return;
    }
    const key = this.#keys.get(allocation)!;
    const idle = this.#idle.get(key);
    if (idle === undefined) this.#idle.set(key, [allocation]);
    else idle.push(allocation);
  }

  close(): void {
    this.#closed = true;
    for (const allocation of [...this.#idle.values()].flat()) this.#backend.free(allocation);
    this.#idle.clear();
  }
}
