import { defineOp, optional, type GradientCall, type Tensor } from "@elapid/tensor";
import { associativeScanBackwardReference, associativeScanReference } from "./associative-scan.reference.ts";
import { checkShapeOf, layoutOf, type ScanOptions } from "./axis.ts";
import { checkOperator, type ScanOperator } from "./operator.ts";

/** How an associative scan runs, and from what. */
export interface AssociativeScanOptions extends ScanOptions {
  /** What lies before the first element, of the shape of `x` without the axis. Default: the operator's identity. */
  readonly initialState?: Tensor;
}

const shapes = {
  inputs: { x: "outer time inner part", initialState: optional("outer inner part") },
  outputs: { y: "outer time inner part", finalState: "outer inner part" },
  attributes: { reverse: false, exclusive: false },
} as const;

const backwardShapes = {
  inputs: {
    x: "outer time inner part",
    y: "outer time inner part",
    initialState: optional("outer inner part"),
    dy: optional("outer time inner part"),
    dfinalState: optional("outer inner part"),
  },
  outputs: { dx: "outer time inner part", dinitialState: "outer inner part" },
  attributes: { reverse: false, exclusive: false },
} as const;

type Gradient = (call: GradientCall<typeof shapes.inputs, typeof shapes.outputs, typeof shapes.attributes>) => {
  readonly x: Tensor | undefined;
  readonly initialState: Tensor | undefined;
};

/** The op of a scan's gradient: a scan the other way, in which `reverse` is still the direction of the first. */
export type ScanBackwardOp = ReturnType<typeof defineBackward>;
/** The op of a scan over "outer time inner part", the part being the numbers of an element. */
export type ScanOp = ReturnType<typeof defineForward>;

/** A scan by an operator: call it with a tensor. */
export interface Scan {
  (x: Tensor, options?: AssociativeScanOptions): Tensor;
  readonly operator: ScanOperator;
  /** What kernels and tests know it by. */
  readonly op: ScanOp;
  /** The op of its gradient, if its operator has one and it is no scan of the same kind. */
  readonly backward: ScanBackwardOp | undefined;
}

/**
 * Declares the scan of an associative operator, along any dimension of a tensor: with `∘` for the operator,
 *
 *     y[t] = initialState ∘ x[0] ∘ … ∘ x[t]      exclusive: without x[t]
 *
 * Elements of several numbers lie along one more dimension of the tensor, the last. The operator's functions for the host
 * run on the host and on WebAssembly, which says so once; for WebGPU, a device is opened with `scanKernels` of the scan.
 *
 * ```ts
 * const logSumExp = defineScan({
 *   name: "log-sum-exp",
 *   identity: [-1e30],
 *   combine: ([a], [b]) => [Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)))],
 * });
 * const y = logSumExp(x, { axis: "time", dims: "batch time inner" });
 * ```
 *
 * @throws RangeError or TypeError if the operator's functions do not give as many numbers as its identity has.
 */
export function defineScan(operator: ScanOperator): Scan {
  checkOperator(operator);
  const backward = operator.pull && defineBackward({ ...operator, pull: operator.pull });
  return scanOf(operator, defineForward(operator, backward && gradientBy(backward)), backward);
}

/** A scan of its op; `backward` is for its kernels. */
export function scanOf(operator: ScanOperator, op: ScanOp, backward: ScanBackwardOp | undefined): Scan {
  const parts = operator.identity.length > 1 ? 1 : 0;
  const part = operator.identity.length;
  const action = `Cannot run "${op.name}"`;
  const scan = (x: Tensor, { initialState, ...options }: AssociativeScanOptions = {}): Tensor => {
    const layout = layoutOf(action, "x", x, options, parts);
    if (parts > 0 && x.shape.at(-1) !== part) {
      throw new TypeError(`${action}: an element of x has ${x.shape.at(-1)} numbers but ${part} were needed`);
    }
    if (initialState !== undefined) {
      checkShapeOf(action, ["initialState", initialState], ["x", layout.stateShape], layout.stateNameOf);
    }
    const { reverse = false, exclusive = false } = options;
    const [outer, time, inner] = layout.steps;
    using flat = x.reshape([outer, time, inner, part]);
    using start = initialState?.reshape([outer, inner, part]);
    const { y, finalState } = op({ x: flat, initialState: start }, { reverse, exclusive });
    finalState.dispose();
    using result = y;
    return result.reshape(layout.shape);
  };
  return Object.assign(scan, { operator, op, backward });
}

/** The op of a scan, by whose gradient it is told. */
export function defineForward(operator: ScanOperator, gradient: Gradient | undefined) {
  const { name, identity } = operator;
  return defineOp({
    ...shapes,
    name: `scan-${name}`,
    derive: () => ({ part: identity.length }),
    reference: associativeScanReference(operator),
    ...(gradient && { gradient }),
  });
}

function gradientBy(backward: ScanBackwardOp): Gradient {
  return ({ inputs: { x, initialState }, outputs: { y }, grads, attributes }) => {
    const { y: dy, finalState: dfinalState } = grads;
    const back = backward({ x, y, initialState, dy, dfinalState }, attributes);
    return { x: back.dx, initialState: initialState && back.dinitialState };
  };
}

function defineBackward(operator: Required<Pick<ScanOperator, "name" | "identity" | "pull">>) {
  return defineOp({
    ...backwardShapes,
    name: `scan-${operator.name}.backward`,
    derive: () => ({ part: operator.identity.length }),
    reference: associativeScanBackwardReference(operator),
  });
}
