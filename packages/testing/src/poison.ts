import type { Allocation, Backend, OpCall } from "@elapid/tensor";

/** Fills the outputs of every op with NaN before it runs, so that an element that no kernel writes is seen. */
export class PoisoningBackend implements Backend {
  readonly #inner: Backend;

  constructor(inner: Backend) {
    this.#inner = inner;
  }

  get kind() {
    return this.#inner.kind;
  }

  get description() {
    return this.#inner.description;
  }

  get alignment() {
    return this.#inner.alignment;
  }

  get liveBytes() {
    return this.#inner.liveBytes;
  }

  get peakBytes() {
    return this.#inner.peakBytes;
  }

  allocate(bytes: number, unit: number): Allocation {
    return this.#inner.allocate(bytes, unit);
  }

  free(allocation: Allocation): void {
    this.#inner.free(allocation);
  }

  write(allocation: Allocation, offset: number, bytes: Uint8Array): void {
    this.#inner.write(allocation, offset, bytes);
  }

  read(allocation: Allocation, offset: number, length: number): Promise<Uint8Array> {
    return this.#inner.read(allocation, offset, length);
  }

  run(call: OpCall): "kernel" | "reference" {
    for (const { allocation, offset, shape } of Object.values(call.outputs)) {
      const bytes = shape.reduce((product, length) => product * length, 4);
      // all bits set is a NaN in float32
      if (bytes > 0) this.#inner.write(allocation, offset, new Uint8Array(bytes).fill(0xff));
    }
    return this.#inner.run(call);
  }

  finish(): Promise<void> {
    return this.#inner.finish();
  }

  dispose(): void {
    this.#inner.dispose();
  }
}
