import type { AnyOp, Attributes, Op, OpDims, TensorSpec, WeightDType } from "@elapid/tensor";
import { trafficOf } from "./traffic.ts";
import type { Wgsl } from "./wgsl.ts";

/** What a kernel may ask about a call besides sizes. */
export interface KernelContext<A = Attributes> {
  readonly attributes: A;
  /** Names of the optional inputs that were given. */
  readonly given: ReadonlySet<string>;
  /** Features of the device, and `FORWARD_PROGRESS` where it has that. */
  readonly features: ReadonlySet<string>;
  readonly limits: KernelLimits;
}

/** What the device allows a kernel, beyond what every device does. */
export interface KernelLimits {
  /** Bytes of the largest tensor that is bound, scratch included. */
  readonly bindingBytes: number;
}

/**
 * One dispatch. In its WGSL stand, by their names: `dims`, a uniform with every size of the op (`u32`; a
 * leading `...` is `rows`) and its numeric attributes; the tensors it binds; `hasBias` and the like, one
 * constant for every optional input; and the switches among the attributes, constants too. An optional
 * input that was not given is not bound: what is read of it behind `if (hasBias)` is compiled away.
 */
export interface Pass<D, A> {
  /** Tensors and scratch that it reads or writes, at most 8. Default: all inputs and outputs, in the op's order. */
  readonly binds?: readonly string[];
  /**
   * Inputs, no weights, that it reads beside those, at most 8 too, each of at most `UNIFORM_ELEMENTS` numbers: they are bound as
   * uniforms, and `DAt(i)` is what `D[i]` would be.
   */
  readonly uniforms?: readonly string[];
  /** Number of workgroups, for the part at hand where a tensor is split; over 65535 they are folded into y and z, see the snippet `groupIndex`. */
  readonly workgroups: (dims: D & { readonly partCount: number }, context: KernelContext<A>) => number;
  /** Depends on nothing but its arguments: pipelines are kept by their text. */
  readonly source: (dims: D, context: KernelContext<A>) => Wgsl;
  /**
   * Numbers loaded and stored, by tensor, of those that it does not load or store once as a whole: a tensor that is changed
   * in place counts twice. What neighbours load too comes from cache, and once from memory. For `traffic`.
   */
  readonly moves?: (dims: D, context: KernelContext<A>) => Readonly<Record<string, number>>;
}

/** Bytes that a call moves between the device's memory and its processors. */
export interface Traffic {
  /** As counted from the loads and stores of the passes. */
  readonly moved: number;
  /** Every input loaded and every output stored, once. */
  readonly least: number;
}

interface KernelTraits<D, A> {
  /** What sets it apart from other kernels of the op: `"tiled"`. */
  readonly algorithm?: string;
  /** Says whether it takes a call; the first kernel in the list that does runs. Default: it takes all. */
  readonly suits?: (dims: D, context: KernelContext<A>) => boolean;
  /** Types of the weights among the inputs that it takes, by name; one that is not `f32`, the default, is `array<u32>`. */
  readonly dtypes?: Readonly<Record<string, WeightDType>>;
  /** Numeric attributes that are whole numbers: `i32` in `dims`, where others are `f32`. */
  readonly integers?: readonly (keyof A & string)[];
  /** Scratch tensors of 32-bit floats that live for the call: number of elements. */
  readonly scratch?: Readonly<Record<string, (dims: D) => number>>;
  /** The same of `atomic<u32>`. */
  readonly atomics?: Readonly<Record<string, (dims: D) => number>>;
  /**
   * The input or output that may be larger than one binding. The kernel then runs once for each part of it, which
   * holds the rows `dims.partFirst` to `dims.partFirst + dims.partCount`.
   */
  readonly split?: string;
  /**
   * The dim along which its work falls into pieces. Tensors that begin with it may be larger than one binding:
   * the kernel then runs once for each range of it, in order, which `dims` gives as the whole; it begins at
   * `dims.rangeFirst`. What does not begin with it, a sum over all ranges, is there from the range before.
   */
  readonly along?: string;
  /** For benchmarks to print. Default: what the passes bind and say that they move, see `Pass.moves`. */
  readonly traffic?: (dims: D, context: Pick<KernelContext<A>, "given">) => Traffic;
}

export type KernelDefinition<D, A> = KernelTraits<D, A> & (Pass<D, A> | { readonly passes: readonly Pass<D, A>[] });

/** A kernel, without the types of its op. */
export interface Kernel {
  readonly op: AnyOp;
  readonly algorithm: string | undefined;
  readonly suits: (dims: Sizes, context: KernelContext) => boolean;
  readonly dtypes: Readonly<Record<string, WeightDType>>;
  readonly integers: ReadonlySet<string>;
  /** Scratch of either kind. */
  readonly scratch: Readonly<Record<string, (dims: Sizes) => number>>;
  /** Which of it is atomics. */
  readonly atomics: ReadonlySet<string>;
  readonly split: string | undefined;
  readonly along: string | undefined;
  readonly traffic: (dims: Sizes, context: Pick<KernelContext, "given">) => Traffic;
  readonly passes: readonly Pass<Sizes, Attributes>[];
}

/** Sizes by name. */
export type Sizes = Readonly<Record<string, number>>;

type Specs = Readonly<Record<string, TensorSpec>>;

/**
 * Declares a kernel of an op, in one pass or several. What it binds, under which names and in which
 * order, comes from the op.
 *
 * ```ts
 * export const squareKernel = defineKernel(square, {
 *   workgroups: ({ rows }) => Math.ceil(rows / 64),
 *   source: () => wgsl`
 *     @compute @workgroup_size(64)
 *     fn main(@builtin(global_invocation_id) id: vec3u) {
 *       if (id.x < dims.rows) { y[id.x] = x[id.x] * x[id.x]; }
 *     }
 *   `,
 * });
 * ```
 *
 * @throws TypeError if a pass binds what the op does not have, or more than 8 tensors.
 */
export function defineKernel<I extends Specs, O extends Specs, A extends Attributes>(
  op: Op<I, O, A>,
  definition: KernelDefinition<OpDims<I, O>, A>,
): Kernel {
  const { algorithm, suits = () => true, dtypes = {}, integers = [], split, along } = definition;
  const scratch = { ...definition.scratch, ...definition.atomics };
  const passes = "passes" in definition ? definition.passes : [definition];
  const tensors = [...op.inputs, ...op.outputs].map(({ name }) => name);
  for (const { binds = tensors, uniforms = [] } of passes) {
    for (const name of [...binds, ...uniforms]) {
      if (!tensors.includes(name) && !(name in scratch)) {
        throw new TypeError(`Cannot define a kernel of "${op.name}": ${name} is neither a tensor of it nor scratch`);
      }
    }
    const most = Math.max(binds.length, uniforms.length);
    if (most > MAX_BINDINGS) {
      throw new TypeError(
        `Cannot define a kernel of "${op.name}": a pass binds ${most} tensors but at most ${MAX_BINDINGS} are granted everywhere`,
      );
    }
  }
  const atomics = new Set(Object.keys(definition.atomics ?? {}));
  const traits = { algorithm, suits, dtypes, integers: new Set(integers), scratch, atomics, split, along };
  const kernel = { op, ...traits, passes } as unknown as Omit<Kernel, "traffic">;
  const traffic = definition.traffic as Kernel["traffic"] | undefined;
  return { ...kernel, traffic: traffic ?? ((dims, context) => trafficOf(kernel, dims, context)) };
}

/** Storage buffers that every WebGPU device lets a pass bind; of uniforms they grant four more. */
const MAX_BINDINGS = 8;

/** Numbers that every device takes in a uniform, of 64 KiB. */
export const UNIFORM_ELEMENTS = 16_384;
