import type { Allocation, Backend, OpCall } from "@elapid/tensor";

/** Hands everything on to another backend; what happens around the running of an op is left to say. */
export abstract class ForwardingBackend implements Backend {
  protected readonly inner: Backend;

  constructor(inner: Backend) {
    this.inner = inner;
  }

  get kind() {
    return this.inner.kind;
  }

  get description() {
    return this.inner.description;
  }

  get alignment() {
    return this.inner.alignment;
  }

  get liveBytes() {
    return this.inner.liveBytes;
  }

  get peakBytes() {
    return this.inner.peakBytes;
  }

  allocate(bytes: number, unit: number): Allocation {
    return this.inner.allocate(bytes, unit);
  }

  free(allocation: Allocation): void {
    this.inner.free(allocation);
  }

  write(allocation: Allocation, offset: number, bytes: Uint8Array): void {
    this.inner.write(allocation, offset, bytes);
  }

  read(allocation: Allocation, offset: number, length: number): Promise<Uint8Array> {
    return this.inner.read(allocation, offset, length);
  }

  abstract run(call: OpCall): "kernel" | "reference";

  finish(): Promise<void> {
    return this.inner.finish();
  }

  dispose(): void {
    this.inner.dispose();
  }
}
