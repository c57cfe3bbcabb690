import type { Port } from "@elapid/tensor";
import { expect } from "vitest";
import type { Run } from "./backends.ts";
import type { Call } from "./call.ts";
import { expectClose } from "./close.ts";
import { host } from "./host.ts";
import { allSizes, shapeOfPort, type Arrays } from "./inputs.ts";

/** Asserts that a backend gives what the op's reference gives, relative to each output's peak. */
export async function expectMatchesReference(
  run: Run,
  { op, sizes, inputs, attributes }: Call,
  relative = 1e-5,
): Promise<void> {
  const expected = await host.run(op, sizes, inputs, attributes);
  const actual = await run(op, sizes, inputs, attributes);
  for (const name in expected) expectClose(actual[name], expected[name], { relative, label: `${op.name} ${name}` });
}

/**
 * Asserts that the entries `chosen` along the outermost dimension `dim`, or along all of several, have the same bits whether they are
 * computed among all others or by themselves, in whatever order.
 */
export async function expectIndependent(
  run: Run,
  call: Call,
  dim: string | readonly string[],
  chosen: readonly number[],
): Promise<void> {
  const along = typeof dim === "string" ? [dim] : dim;
  const { op, sizes, inputs, attributes } = call;
  const whole = await run(op, sizes, inputs, attributes);
  const part = await run(
    op,
    { ...sizes, ...Object.fromEntries(along.map((name) => [name, chosen.length])) },
    pick(op.inputs, call, inputs, along, chosen),
    attributes,
  );
  expect(part).toEqual(pick(op.outputs, call, whole, along, chosen));
}

/**
 * Asserts that an op has the same bits for the entries along `dim` in the order `order`, wherever that dimension stands in inputs
 * and outputs: that they do not know of each other, nor of their place.
 */
export async function expectPermutes(run: Run, call: Call, dim: string, order: readonly number[]): Promise<void> {
  const { op, sizes, inputs, attributes } = call;
  const expected = permuted(op.outputs, call, await run(op, sizes, inputs, attributes), dim, order);
  expect(await run(op, sizes, permuted(op.inputs, call, inputs, dim, order), attributes)).toEqual(expected);
}

function permuted(
  ports: readonly Port[],
  { op, sizes, attributes }: Call,
  arrays: Arrays,
  dim: string,
  order: readonly number[],
): Arrays {
  const all = allSizes(op, sizes, attributes);
  const inOrder: Record<string, Float32Array> = {};
  for (const port of ports) {
    const array = arrays[port.name];
    if (array === undefined) continue;
    const shape = shapeOfPort(port, all);
    const axis = port.pattern.names.indexOf(dim) + (port.pattern.leading ? 1 : 0);
    const stride = shape.slice(axis + 1).reduce((product, length) => product * length, 1);
    inOrder[port.name] = port.pattern.names.includes(dim)
      ? array.map((_, i) => {
          const at = Math.floor(i / stride) % order.length;
          return array[i + (order[at] - at) * stride];
        })
      : array;
  }
  return inOrder;
}

/** The entries `chosen` along the dims `along` of all arrays whose outermost dimension is one of them. */
function pick(
  ports: readonly Port[],
  { op, sizes, attributes }: Call,
  arrays: Arrays,
  along: readonly string[],
  chosen: readonly number[],
): Arrays {
  const all = allSizes(op, sizes, attributes);
  const picked: Record<string, Float32Array> = {};
  for (const port of ports) {
    const array = arrays[port.name];
    if (array === undefined) continue;
    const outermost = port.pattern.leading ? "rows" : port.pattern.names[0];
    if (!along.includes(outermost)) {
      picked[port.name] = array;
      continue;
    }
    const stride = shapeOfPort(port, all).reduce((product, length) => product * length, 1) / all[outermost];
    picked[port.name] = Float32Array.from(chosen.flatMap((i) => [...array.subarray(i * stride, (i + 1) * stride)]));
  }
  return picked;
}
