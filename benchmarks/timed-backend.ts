import type { Allocation, Backend, OpCall } from "@elapid/tensor";

/** What calls of an op took. */
export interface OpTime {
  readonly op: string;
  readonly calls: number;
  readonly milliseconds: number;
  /** Who did the last of them. */
  readonly by: "kernel" | "reference";
}

/** Notes how long every op takes; right for backends that run an op when it is called. */
export class TimedBackend implements Backend {
  readonly #inner: Backend;
  readonly #times = new Map<string, OpTime>();

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
    const { name } = call.op;
    const start = performance.now();
    const by = this.#inner.run(call);
    const { calls = 0, milliseconds = 0 } = this.#times.get(name) ?? {};
    this.#times.set(name, { op: name, calls: calls + 1, milliseconds: milliseconds + performance.now() - start, by });
    return by;
  }

  /** What ops took since the last time this was asked, the longest first. */
  takeTimes(): readonly OpTime[] {
    const times = [...this.#times.values()].toSorted((a, b) => b.milliseconds - a.milliseconds);
    this.#times.clear();
    return times;
  }

  finish(): Promise<void> {
    return this.#inner.finish();
  }

  dispose(): void {
    this.#inner.dispose();
  }
}
