import { wgsl, type Kernel } from "@elapid/webgpu";
import type { Scan } from "./define-scan.ts";
import { elementType, identityOf, plain, reader, slopeOf, writer } from "./element.wgsl.ts";
import type { ScanOperator } from "./operator.ts";
import { kernelsOf, type ScanKernelOptions } from "./scan-kernels.ts";
import type { ScanText } from "./scan-text.ts";

/**
 * The WGSL kernels of a scan and of its gradient, for `openWebGpu`.
 *
 * ```ts
 * const device = await openWebGpu({ kernels: [...kernels, ...scanKernels(logSumExp)] });
 * ```
 *
 * @throws TypeError if the operator has no WGSL.
 */
export function scanKernels({ operator, op, backward }: Scan, options: ScanKernelOptions = {}): Kernel[] {
  if (operator.wgsl === undefined) {
    throw new TypeError(`Cannot make kernels of "${op.name}": its operator has no "wgsl"`);
  }
  const forward = kernelsOf(op, forwardText(operator, operator.wgsl), options);
  if (backward === undefined || !/\bfn\s+pull\b/.test(operator.wgsl)) return forward;
  return [...forward, ...kernelsOf(backward, backwardText(operator, operator.wgsl), options)];
}

/** A scan: a run of elements is the element that they combine to. */
function forwardText({ identity }: ScanOperator, combine: string): ScanText {
  const parts = identity.length;
  return {
    floats: parts,
    bytes: parts === 3 ? 16 : 4 * parts,
    run: wgsl`
      ${elementType(parts)} ${plain(PULLED + combine)}
      alias Run = Element;
      const FLOATS = PARTS;
      const fromEnd = reverse;
      fn join(first: Run, second: Run) -> Run { return combine(first, second); }
      fn floatsOf(run: Run) -> array<f32, FLOATS> { return partsOf(run); }
      fn runFrom(floats: array<f32, FLOATS>) -> Run { return elementFrom(floats); }
    `,
    start: {
      binds: ["initialState"],
      text: wgsl`
        ${reader("initialState")} ${identityOf(identity)}
        fn startOf(row: u32) -> Run {
          if (hasInitialState) { return initialStateAt(row); }
          return identity();
        }
      `,
    },
    element: {
      binds: ["x"],
      text: wgsl`
        ${reader("x")}
        fn elementOf(row: u32, at: u32, step: u32) -> Run { return xAt(at); }
      `,
    },
    put: {
      binds: ["y"],
      text: wgsl`
        ${writer("y")}
        fn put(row: u32, at: u32, step: u32, before: Run, after: Run) {
          if (exclusive) { putY(at, before); } else { putY(at, after); }
        }
      `,
    },
    finish: {
      binds: ["finalState"],
      text: wgsl`
        ${writer("finalState")}
        fn finish(row: u32, all: Run) { putFinalState(row, all); }
      `,
    },
  };
}

/**
 * Its gradient, from the end: a run of steps takes the gradient by what lies behind it to that by what lies before it. This
 * is affine, with a matrix that `pull` gives by its columns.
 */
function backwardText({ identity }: ScanOperator, pull: string): ScanText {
  const parts = identity.length;
  return {
    floats: parts * parts + parts,
    bytes: [8, 24, 64, 80][parts - 1],
    run: wgsl`
      ${elementType(parts)} ${plain(PULLED + pull)} ${slopeOf(parts)}
      /** Takes a gradient g to slope · g + added. */
      struct Run { slope: Matrix, added: Element }
      const FLOATS = PARTS * PARTS + PARTS;
      const fromEnd = !reverse;
      fn join(first: Run, second: Run) -> Run {
        return Run(second.slope * first.slope, second.slope * first.added + second.added);
      }
      ${affineFloats(parts)}
    `,
    start: {
      binds: ["dfinalState"],
      text: wgsl`
        ${reader("dfinalState")}
        fn startOf(row: u32) -> Run {
          if (hasDfinalState) { return Run(Matrix(), dfinalStateAt(row)); }
          return Run(Matrix(), Element());
        }
      `,
    },
    element: {
      binds: ["x", "y", "initialState", "dy"],
      text: wgsl`
        ${reader("x")} ${reader("y")} ${reader("initialState")} ${reader("dy")} ${identityOf(identity)}
        fn given(at: u32) -> Element {
          if (hasDy) { return dyAt(at); }
          return Element();
        }
        fn stateBefore(row: u32, at: u32, step: u32) -> Element {
          if (exclusive) { return yAt(at); }
          if (step + 1u < dims.time) { return yAt(select(at + dims.inner, at - dims.inner, fromEnd)); }
          if (hasInitialState) { return initialStateAt(row); }
          return identity();
        }
        fn elementOf(row: u32, at: u32, step: u32) -> Run {
          let slope = slopeOf(stateBefore(row, at, step), xAt(at));
          if (exclusive) { return Run(slope, given(at)); }
          return Run(slope, slope * given(at));
        }
      `,
    },
    put: {
      binds: ["dx"],
      text: wgsl`
        ${writer("dx")}
        fn put(row: u32, at: u32, step: u32, before: Run, after: Run) {
          var grad = before.added;
          if (!exclusive) { grad += given(at); }
          putDx(at, pull(stateBefore(row, at, step), xAt(at), grad).second);
        }
      `,
    },
    finish: {
      binds: ["dinitialState"],
      text: wgsl`
        ${writer("dinitialState")}
        fn finish(row: u32, all: Run) { putDinitialState(row, all.added); }
      `,
    },
  };
}

/** What an operator's text may name. */
const PULLED = "struct Pulled { first: Element, second: Element }\n";

/** `floatsOf` and `runFrom` of a matrix and an element: the columns, then the element. */
function affineFloats(parts: number) {
  const columns =
    parts === 1
      ? "floats[0] = run.slope;"
      : "for (var c = 0u; c < PARTS; c++) { for (var r = 0u; r < PARTS; r++) { floats[c * PARTS + r] = run.slope[c][r]; } }";
  const back =
    parts === 1
      ? "run.slope = floats[0];"
      : "for (var c = 0u; c < PARTS; c++) { for (var r = 0u; r < PARTS; r++) { run.slope[c][r] = floats[c * PARTS + r]; } }";
  return plain(`
fn floatsOf(run: Run) -> array<f32, FLOATS> {
  var floats: array<f32, FLOATS>;
  ${columns}
  var parts = partsOf(run.added);
  for (var i = 0u; i < PARTS; i++) { floats[PARTS * PARTS + i] = parts[i]; }
  return floats;
}
fn runFrom(given: array<f32, FLOATS>) -> Run {
  var floats = given;
  var run: Run;
  ${back}
  var parts: array<f32, PARTS>;
  for (var i = 0u; i < PARTS; i++) { parts[i] = floats[PARTS * PARTS + i]; }
  run.added = elementFrom(parts);
  return run;
}`);
}
