/** A tensor was used after it, or the scope that held it, was disposed. */
export class TensorDisposedError extends TypeError {
  override readonly name = "TensorDisposedError";
}

/** The device is gone: the GPU was lost or `dispose` was called; open a new one. */
export class DeviceLostError extends TypeError {
  override readonly name = "DeviceLostError";
}

/** This engine, adapter or build lacks what was asked for. */
export class UnsupportedError extends TypeError {
  override readonly name = "UnsupportedError";
}

/** An allocation did not fit; says how many bytes were needed and how many were left. */
export class OutOfMemoryError extends RangeError {
  override readonly name = "OutOfMemoryError";
  readonly needed: number;
  readonly available: number;

  constructor(device: string, needed: number, available: number) {
    super(
      `Cannot allocate on ${device}: ${megabytes(needed)} MiB needed, ${megabytes(available)} MiB available;` +
        " free other models, use a smaller model or a shorter batch",
    );
    this.needed = needed;
    this.available = available;
  }
}

function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
