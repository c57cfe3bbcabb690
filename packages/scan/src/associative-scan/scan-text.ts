import type { Wgsl } from "@elapid/webgpu";

/** WGSL functions of a scan, and the tensors that they touch. */
export interface ScanPiece {
  readonly text: Wgsl;
  readonly binds: readonly string[];
}

/**
 * What sets the kernels of one scan apart from those of another. `row` counts "outer inner", `at` the elements of a
 * tensor, and `step` the steps in the order of this scan.
 */
export interface ScanText {
  /**
   * `Run`, what some neighbouring steps amount to; `join(first: Run, second: Run) -> Run`; `FLOATS` with `floatsOf(Run)` and
   * `runFrom(array<f32, FLOATS>)`; and `fromEnd`, whether the scan runs from the last element to the first.
   */
  readonly run: Wgsl;
  /** Numbers in a `Run`, and its bytes in workgroup memory. */
  readonly floats: number;
  readonly bytes: number;
  /** `startOf(row) -> Run`: what lies before the first step. */
  readonly start: ScanPiece;
  /** `elementOf(row, at, step) -> Run`: a step. */
  readonly element: ScanPiece;
  /** `put(row, at, step, before: Run, after: Run)`: what becomes of a step. It may use what `elementOf` binds. */
  readonly put: ScanPiece;
  /** `finish(row, all: Run)`: what becomes of the whole. */
  readonly finish: ScanPiece;
}
