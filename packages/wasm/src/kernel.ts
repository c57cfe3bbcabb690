import type { AnyOp, Attributes, Op, OpCall, OpDims, TensorSpec, WeightDType } from "@elapid/tensor";

/** A package's compiled kernels, as `scripts/build-wasm.ts` writes them: one module in two builds. */
export interface KernelModule {
  readonly name: string;
  /** Address of the module's constants; modules that run together must not overlap. */
  readonly memoryBase: number;
  /** Base64 of the build that every engine with WebAssembly SIMD runs. */
  readonly simd: string;
  /** Base64 of the build that also needs relaxed SIMD. */
  readonly relaxed: string;
}

/** Sizes, settings and addresses of one call. Addresses are byte offsets; an optional input that is absent has 0. */
export interface KernelCall<D, A, I extends string, O extends string> {
  readonly dims: D;
  readonly attributes: A;
  readonly inputs: Readonly<Record<I, number>>;
  readonly outputs: Readonly<Record<O, number>>;
  /** Where the bytes that the kernel asked for as its `workspace` begin. */
  readonly workspace: number;
}

/** How an op's sizes and tensors become a call of an exported function. */
export interface KernelPass<D, A, I extends string, O extends string> {
  /** The exported function, `(begin: i32, end: i32, scratch: usize, ...args)`. */
  readonly entry: string;
  /** Number of independent pieces of work. A call does those from `begin` up to `end`. */
  readonly units: (dims: D, attributes: A) => number;
  /** Ranges are cut at multiples of this many units. Default 1. */
  readonly grain?: number;
  /** Whether it streams through memory, so that long stretches are faster. Default: it does not. */
  readonly streams?: boolean;
  /** Elementary steps in a unit, such as multiply-adds; decides when threads pay off. Default: elements moved. */
  readonly cost?: (dims: D, attributes: A) => number;
  /** Numbers that follow `scratch`; floats as `f32Bits(x)`. */
  readonly args: (call: KernelCall<D, A, I, O>) => readonly number[];
  /** Bytes that each thread gets for itself, at `scratch`; what they hold at first is undefined. Default 0. */
  readonly scratch?: (dims: D, attributes: A) => number;
}

/** A kernel's first pass, often its only one, and what holds for all of them. */
export interface KernelDefinition<D, A, I extends string, O extends string> extends KernelPass<D, A, I, O> {
  readonly module: KernelModule;
  /** Whether the kernel takes these sizes; `given` holds the names of the inputs present. Default: it takes all. */
  readonly suits?: (dims: D, attributes: A, given: ReadonlySet<string>) => boolean;
  /** Types of the weights among the inputs that the kernel takes, by name. Default: `f32`. */
  readonly dtypes?: { readonly [K in I]?: WeightDType };
  /** Further passes; each begins when the one before has done all of its units. */
  readonly passes?: readonly KernelPass<D, A, I, O>[];
  /** Bytes that all threads and passes share; what they hold at first is undefined. Default 0. */
  readonly workspace?: (dims: D, attributes: A) => number;
}

type AnyDims = Readonly<Record<string, number>>;

/** A kernel of an op, for the list that `openWasm` takes. */
export interface WasmKernel extends KernelDefinition<AnyDims, Attributes, string, string> {
  readonly op: AnyOp;
}

/** All passes of a kernel, in order. */
export function passesOf(kernel: WasmKernel): readonly KernelPass<AnyDims, Attributes, string, string>[] {
  return [kernel, ...(kernel.passes ?? [])];
}

type Specs = Readonly<Record<string, TensorSpec>>;

/**
 * Declares that an exported function computes an op. Of several kernels for an op the first that suits is taken.
 *
 * ```ts
 * export const siluKernel = defineKernel(siluOp, {
 *   module: kernels,
 *   entry: "silu",
 *   units: ({ rows }) => rows,
 *   args: ({ inputs, outputs }) => [inputs.x, outputs.y],
 * });
 * ```
 */
export function defineKernel<I extends Specs, O extends Specs, A extends Attributes>(
  op: Op<I, O, A>,
  definition: KernelDefinition<OpDims<I, O>, A, keyof I & string, keyof O & string>,
): WasmKernel {
  // the declaration's types hold for every call that runOp has checked
  return { op, ...(definition as unknown as KernelDefinition<AnyDims, Attributes, string, string>) };
}

/** Whether a kernel for `dtypes` takes the weights among the inputs. */
export function takesWeights(op: AnyOp, inputs: OpCall["inputs"], dtypes: WasmKernel["dtypes"] = {}): boolean {
  return op.inputs.every(({ name, weights }) => !weights || inputs[name]?.dtype === (dtypes[name] ?? "f32"));
}

const floats = new Float32Array(1);
const bits = new Int32Array(floats.buffer);

/** The bits of a float, to be passed as one of a kernel's `args` and read there with `reinterpret<f32>`. */
export function f32Bits(value: number): number {
  floats[0] = value;
  return bits[0];
}
