import type { ArrayOf, PlainDType } from "./dtype.ts";
import { runOp } from "./run-op.ts";
import { parseDims, type DimNames, type DimPattern } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** Numbers and switches that an op takes beside its tensors. */
export type Attributes = Readonly<Record<string, number | boolean | string>>;

/** An input or output: its dims, or its dims with what else is to be said. */
export type TensorSpec =
  | string
  | {
      readonly dims: string;
      readonly dtype?: PlainDType | undefined;
      readonly optional?: boolean | undefined;
      readonly weights?: boolean | undefined;
    };

/** An input that may be left out. */
export function optional<S extends string>(dims: S): { readonly dims: S; readonly optional: true } {
  return { dims, optional: true };
}

/** An input or output of 32-bit integers. */
export function ints<S extends string>(dims: S): { readonly dims: S; readonly dtype: "i32" } {
  return { dims, dtype: "i32" };
}

/** An input of 32-bit integers that may be left out. */
export function optionalInts<S extends string>(
  dims: S,
): { readonly dims: S; readonly dtype: "i32"; readonly optional: true } {
  return { dims, dtype: "i32", optional: true };
}

/** An input of floats that may be of any `WeightDType`; the reference is given them as float32. */
export function weights<S extends string>(dims: S): { readonly dims: S; readonly weights: true } {
  return { dims, weights: true };
}

/** `false` as a default stands for any boolean, `0` for any number. */
type Widened<A extends Attributes> = {
  readonly [K in keyof A]: A[K] extends boolean ? boolean : A[K] extends number ? number : string;
};
type Specs = Readonly<Record<string, TensorSpec>>;
type DimsOf<T extends TensorSpec> = T extends string ? T : T extends { dims: infer S extends string } ? S : never;
type ArrayFor<T extends TensorSpec> = T extends { dtype: infer D extends PlainDType } ? ArrayOf<D> : Float32Array;
type OptionalKeys<I extends Specs> = { [K in keyof I]: I[K] extends { optional: true } ? K : never }[keyof I];

type Named<I extends Specs, V extends { [K in keyof I]: unknown }> = {
  readonly [K in Exclude<keyof I, OptionalKeys<I>>]: V[K];
} & { readonly [K in OptionalKeys<I>]?: V[K] | undefined };

/** The tensors that an op takes, by name. */
export type InputTensors<I extends Specs> = Named<I, { [K in keyof I]: Tensor }>;
/** The tensors that an op gives, by name. */
export type OutputTensors<O extends Specs> = { readonly [K in keyof O]: Tensor };

/** Sizes of all dims that an op names, those it derives included. */
export type OpDims<I extends Specs, O extends Specs> = Readonly<
  Record<DimNames<DimsOf<I[keyof I]>> | DimNames<DimsOf<O[keyof O]>>, number>
>;

type Word<S extends string> = S extends `${infer Head} ${infer Tail}` ? Head | Word<Tail> : S;
type RequiredWord<S extends string> = Word<S> extends infer W ? (W extends `${string}?` ? never : W) & string : never;
type OptionalWord<S extends string> = Word<S> extends infer W ? (W extends `${infer N}?` ? N : never) & string : never;
type NameOf<W extends string> = W extends `${infer N}:i32` ? N : W;
type ArrayNamed<W extends string> = W extends `${string}:i32` ? Int32Array : Float32Array;

/**
 * What a reference is called with, written as names: `ReferenceCall<"batch time inner", "u D? seqIdx:i32?", "y">`.
 * Outputs are to be filled; an optional input that was not given is `undefined`.
 */
export interface ReferenceCall<
  D extends string,
  I extends string,
  O extends string,
  A extends Attributes = Attributes,
> {
  readonly dims: Readonly<Record<Word<D>, number>>;
  readonly inputs: { readonly [W in RequiredWord<I> as NameOf<W>]: ArrayNamed<W> } & {
    readonly [W in OptionalWord<I> as NameOf<W>]?: ArrayNamed<W> | undefined;
  };
  readonly outputs: { readonly [W in Word<O> as NameOf<W>]: ArrayNamed<W> };
  readonly attributes: A;
}

type FloatKeys<I extends Specs> = { [K in keyof I]: I[K] extends { dtype: "i32" } ? never : K }[keyof I];

/** What a gradient is computed from: the op's tensors, and what flows back into its outputs. */
export interface GradientCall<I extends Specs, O extends Specs, A extends Attributes> {
  readonly inputs: InputTensors<I>;
  readonly outputs: OutputTensors<O>;
  /** Gradient of the loss by each output; absent where the loss does not depend on it. */
  readonly grads: { readonly [K in keyof O]?: Tensor | undefined };
  /** Inputs whose gradient is asked for. That of another one may be left out, where it would cost something of its own. */
  readonly wanted: ReadonlySet<keyof I & string>;
  readonly attributes: Widened<A>;
}

/** How an op is declared: once, with everything that kernels, tests and autograd need to know of it. */
export interface OpDefinition<I extends Specs, O extends Specs, A extends Attributes> {
  /** Kernels are registered under this name. */
  readonly name: string;
  /** Dims of each input: names, shared names agree in size, `"..."` in front stands for any number of dims. */
  readonly inputs: I;
  readonly outputs: O;
  /** Attributes with their defaults. */
  readonly attributes?: A;
  /** Sizes that follow from other sizes or attributes: `({ width }) => ({ window: width - 1 })`. */
  readonly derive?: (
    dims: Readonly<Record<string, number>>,
    attributes: Widened<A>,
  ) => Readonly<Record<string, number>>;
  /** What shapes cannot say. Throws `TypeError` or `RangeError`. */
  readonly check?: (dims: OpDims<I, O>, attributes: Widened<A>, given: ReadonlySet<string>) => void;
  /** The specification: plain loops with 64-bit sums. */
  readonly reference: (call: {
    readonly dims: OpDims<I, O>;
    readonly inputs: Named<I, { [K in keyof I]: ArrayFor<I[K]> }>;
    readonly outputs: { readonly [K in keyof O]: ArrayFor<O[K]> };
    readonly attributes: Widened<A>;
  }) => void;
  /**
   * Gradient of the loss by each float input, in ops of their own; `undefined` for one that was not given.
   * An op without it cannot be differentiated through.
   */
  readonly gradient?: (call: GradientCall<I, O, A>) => { readonly [K in FloatKeys<I>]: Tensor | undefined };
  /** Tensors whose values the gradient reads, which are kept until then; of others it reads the shape. Default: all. */
  readonly keeps?: readonly ((keyof I & string) | (keyof O & string))[];
}

/** One input or output of an op, parsed. */
export interface Port {
  readonly name: string;
  readonly pattern: DimPattern;
  readonly dtype: PlainDType;
  readonly optional: boolean;
  /** Whether weights of other types than `dtype` will do. */
  readonly weights: boolean;
}

/** What kernels, backends and tests see of an op, without its types. */
export interface AnyOp {
  readonly name: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly attributes: Attributes;
  readonly derive:
    | ((dims: Readonly<Record<string, number>>, attributes: never) => Readonly<Record<string, number>>)
    | undefined;
  readonly check: ((dims: never, attributes: never, given: ReadonlySet<string>) => void) | undefined;
  readonly reference: (call: never) => void;
  readonly gradient: ((call: never) => Readonly<Record<string, Tensor | undefined>>) | undefined;
  readonly keeps: readonly string[] | undefined;
}

/** An op: call it with tensors by name. */
export interface Op<I extends Specs, O extends Specs, A extends Attributes> extends AnyOp {
  (inputs: InputTensors<I>, attributes?: Partial<Widened<A>>): OutputTensors<O>;
}

/**
 * Declares an op. The result is a function of named tensors that runs on the device of its inputs.
 *
 * ```ts
 * export const square = defineOp({
 *   name: "square",
 *   inputs: { x: "..." },
 *   outputs: { y: "..." },
 *   reference: ({ inputs: { x }, outputs: { y } }) => x.forEach((value, i) => (y[i] = value * value)),
 * });
 * const { y } = square({ x });
 * ```
 */
export function defineOp<const I extends Specs, const O extends Specs, A extends Attributes = Record<never, never>>(
  definition: OpDefinition<I, O, A>,
): Op<I, O, A> {
  const { name, derive, check, reference, gradient, keeps } = definition;
  const op = (inputs: InputTensors<I>, attributes?: Partial<Widened<A>>): OutputTensors<O> =>
    runOp(
      op as unknown as AnyOp,
      inputs as Record<string, Tensor | undefined>,
      attributes as Attributes | undefined,
    ) as OutputTensors<O>;
  Object.defineProperty(op, "name", { value: name });
  return Object.assign(op, {
    inputs: ports(definition.inputs),
    outputs: ports(definition.outputs),
    attributes: definition.attributes ?? {},
    derive,
    check,
    reference,
    gradient,
    keeps,
  }) as unknown as Op<I, O, A>;
}

function ports(specs: Specs): Port[] {
  return Object.entries(specs).map(([name, spec]) => {
    const { dims, dtype = "f32", optional = false, weights = false } = typeof spec === "string" ? { dims: spec } : spec;
    return { name, pattern: parseDims(dims), dtype, optional, weights };
  });
}
