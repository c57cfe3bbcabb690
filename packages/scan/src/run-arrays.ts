import { Device, Tensor, type Shape } from "@elapid/tensor";

/** A tensor's numbers, row major, and its shape. Integers are an `Int32Array`. */
export interface ShapedArray {
  readonly data: Float32Array | Int32Array;
  readonly shape: Shape;
}

/** The same with arrays where there are tensors. */
export type AsArrays<T> = T extends Tensor
  ? ShapedArray
  : T extends object
    ? { readonly [K in keyof T]: AsArrays<T[K]> }
    : T;

let opened: Promise<Device> | undefined;

/**
 * Runs an op of this package on arrays and gives arrays. The first call opens a device that the later ones share: WebAssembly,
 * on as many threads as the machine has where a page or program may have threads. Every call copies its arrays in and
 * its results out; who runs op after op does better with a device and tensors.
 *
 * ```ts
 * const ones = (...shape: number[]) => ({ data: new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape });
 * const { h, finalState } = await runArrays(linearScan, { a: ones(2, 5), b: ones(2, 5) }, { reverse: true });
 * h.data; // a Float32Array of h.shape, [2, 5]
 * ```
 *
 * @throws TypeError or RangeError as the op does.
 */
export async function runArrays<I, P, O>(
  op: (inputs: I, options?: P) => O,
  inputs: AsArrays<I>,
  options?: AsArrays<P>,
): Promise<AsArrays<O>> {
  const device = await (opened ??= openShared());
  const outputs = inScope(device, (keep) => {
    const upload = (value: unknown) => (isShaped(value) ? device.tensor(value.data, value.shape) : undefined);
    const made = op(replaced(inputs, upload) as I, replaced(options, upload) as P | undefined);
    for (const value of made instanceof Tensor ? [made] : Object.values(made as object)) {
      if (value instanceof Tensor) keep(value);
    }
    return made;
  });
  if (outputs instanceof Tensor) return (await take(outputs)) as AsArrays<O>;
  const read = Object.entries(outputs as object).map(async ([name, value]) => [
    name,
    value instanceof Tensor ? await take(value) : value,
  ]);
  return Object.fromEntries(await Promise.all(read)) as AsArrays<O>;
}

async function take(tensor: Tensor): Promise<ShapedArray> {
  const { shape } = tensor;
  const data = await tensor.data();
  tensor.dispose();
  return { data, shape };
}

/** What is made in `make` is freed, but for what it keeps. */
function inScope<T>(device: Device, make: (keep: (tensor: Tensor) => Tensor) => T): T {
  using scope = device.scope();
  return make((tensor) => scope.keep(tensor));
}

/** What `by` makes of a value, or else the value with what it makes of its properties. */
function replaced(value: unknown, by: (value: unknown) => unknown): unknown {
  const whole = by(value);
  if (whole !== undefined || value === undefined) return whole;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, by(part) ?? part]));
}

function isShaped(value: unknown): value is ShapedArray {
  return value !== null && typeof value === "object" && "data" in value && "shape" in value;
}

// imported where it is wanted: who has a device of their own never loads it
async function openShared(): Promise<Device> {
  const [{ openWasm }, { kernels }] = await Promise.all([import("@elapid/wasm"), import("./wasm.ts")]);
  return new Device(await openWasm({ kernels }));
}
