import type { Allocation, Backend } from "@elapid/tensor";

/** Counts bytes and computes nothing: a model on it has shapes and no values. */
export class PaperBackend implements Backend {
  readonly kind = "host";
  readonly description = "paper: shapes without values";
  readonly alignment = 4;
  liveBytes = 0;
  peakBytes = 0;

  allocate(bytes: number): Allocation {
    this.liveBytes += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.liveBytes);
    return { bytes };
  }

  free({ bytes }: Allocation): void {
    this.liveBytes -= bytes;
  }

  write(): void {}

  async read(_: Allocation, __: number, length: number): Promise<Uint8Array> {
    return new Uint8Array(length);
  }

  run(): "kernel" {
    return "kernel";
  }

  async finish(): Promise<void> {}

  dispose(): void {}
}
