import { randomSource, type AnyOp, type Attributes, type Port, type Shape } from "@elapid/tensor";

/** Inputs or outputs of an op by name. Integers are held as numbers too; they become int32 on the device. */
export type Arrays = Readonly<Record<string, Float32Array>>;

/** Sizes by name; those that the op derives may be left out. */
export type Sizes = Readonly<Record<string, number>>;

export interface RandomOptions {
  readonly seed: number;
  /** From and to, by input; integers include both ends. Default -1 to 1. */
  readonly ranges?: Readonly<Record<string, readonly [number, number]>>;
  /** Optional inputs to leave out. */
  readonly without?: readonly string[];
  /** Where derived sizes depend on them. */
  readonly attributes?: Attributes;
}

/** Uniform random values for every input of an op, the same for the same seed. */
export function randomInputs(
  op: AnyOp,
  sizes: Sizes,
  { seed, ranges = {}, without = [], attributes }: RandomOptions,
): Record<string, Float32Array> {
  const all = allSizes(op, sizes, attributes);
  const inputs: Record<string, Float32Array> = {};
  op.inputs.forEach((port, i) => {
    if (port.optional && without.includes(port.name)) return;
    const random = randomSource(seed * 64 + i);
    const [from, to] = ranges[port.name] ?? [-1, 1];
    const draw =
      port.dtype === "i32"
        ? () => from + Math.floor(random.next() * (to - from + 1))
        : () => from + random.next() * (to - from);
    inputs[port.name] = Float32Array.from({ length: sizeOfPort(port, all) }, draw);
  });
  return inputs;
}

/** Sizes with those that the op derives. */
export function allSizes(op: AnyOp, sizes: Sizes, attributes?: Attributes): Sizes {
  return { ...sizes, ...op.derive?.(sizes, { ...op.attributes, ...attributes } as never) };
}

/** The shape that an input or output has at these sizes; the dims behind `...` are one, `rows`. */
export function shapeOfPort({ pattern: { leading, names } }: Port, sizes: Sizes): Shape {
  return (leading ? ["rows", ...names] : names).map((name) => {
    if (sizes[name] === undefined) throw new RangeError(`Cannot shape an input: no size was given for "${name}"`);
    return sizes[name];
  });
}

function sizeOfPort(port: Port, sizes: Sizes): number {
  return shapeOfPort(port, sizes).reduce((product, length) => product * length, 1);
}
