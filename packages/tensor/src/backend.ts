import type { DType } from "./dtype.ts";
import type { AnyOp, Attributes } from "./op.ts";
import type { Shape } from "./shape.ts";

export type DeviceKind = "host" | "wasm" | "webgpu";

/** Memory that a backend handed out. What it holds inside is the backend's own affair. */
export interface Allocation {
  readonly bytes: number;
}

/** A contiguous tensor inside an allocation. */
export interface View {
  readonly allocation: Allocation;
  /** Bytes from the start of the allocation, a multiple of the backend's `alignment`. */
  readonly offset: number;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** One op to run: shapes are checked, outputs are allocated, absent optional inputs are left out. */
export interface OpCall {
  readonly op: AnyOp;
  readonly dims: Readonly<Record<string, number>>;
  readonly attributes: Attributes;
  readonly inputs: Readonly<Record<string, View | undefined>>;
  readonly outputs: Readonly<Record<string, View>>;
}

/** Calls made ready to be repeated. */
export interface Recording {
  /** Enqueues all of them, in order. */
  replay(): void;
  dispose(): void;
}

/**
 * What a device must be able to do. Buffers are untyped and ops are known by name. Calls are
 * synchronous and take effect in order; only reading back waits.
 */
export interface Backend {
  readonly kind: DeviceKind;
  /** For people: adapter or SIMD build, and the number of threads. */
  readonly description: string;
  /** Bytes to which the offset of a view must be aligned. */
  readonly alignment: number;
  /** Bytes handed out and not yet freed, and the most there ever were. */
  readonly liveBytes: number;
  readonly peakBytes: number;

  /** `unit` is the size of a row: memory that has to be cut in parts is cut between rows. */
  allocate(bytes: number, unit: number): Allocation;
  free(allocation: Allocation): void;
  /** Takes the bytes as they are now; the caller may reuse them at once. */
  write(allocation: Allocation, offset: number, bytes: Uint8Array): void;
  /** A copy of the bytes, after everything that was enqueued before. */
  read(allocation: Allocation, offset: number, length: number): Promise<Uint8Array>;
  /** Enqueues the op; says whether a kernel takes it or, there being none, the reference on the host. */
  run(call: OpCall): "kernel" | "reference";
  /** Decides beforehand all that repeating calls takes. Where it is missing they are run one by one. */
  record?(calls: readonly OpCall[]): Recording;
  /** Resolves when everything enqueued so far is done; rejects with the first error that it met. */
  finish(): Promise<void>;
  dispose(): void;
}
