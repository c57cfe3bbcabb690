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
 * Asserts that the entries `chosen` along the outermost dimension `dim` have the same bits whether they are
 * computed among all others or by themselves, in whatever order.
 */
export async function expectIndependent(run: Run, call: Call, dim: string, chosen: readonly number[]): Promise<void> {
  const { op, sizes, inputs, attributes } = call;
  const whole = await run(op, sizes, inputs, attributes);
  const part = await run(
    op,
    { ...sizes, [dim]: chosen.length },
    pick(op.inputs, call, inputs, dim, chosen),
    attributes,
  );
  expect(part).toEqual(pick(op.outputs, call, whole, dim, chosen));
}

/** The entries `chosen` along `dim` of all arrays whose outermost dimension it is. */
function pick(
  ports: readonly Port[],
  { op, sizes, attributes }: Call,
  arrays: Arrays,
  dim: string,
  chosen: readonly number[],
): Arrays {
  const all = allSizes(op, sizes, attributes);
  const picked: Record<string, Float32Array> = {};
  for (const port of ports) {
    const array = arrays[port.name];
    if (array === undefined) continue;
    const outermost = port.pattern.leading ? "rows" : port.pattern.names[0];
    if (outermost !== dim) {
      picked[port.name] = array;
      continue;
    }
    const stride = shapeOfPort(port, all).reduce((product, length) => product * length, 1) / all[dim];
    picked[port.name] = Float32Array.from(chosen.flatMap((i) => [...array.subarray(i * stride, (i + 1) * stride)]));
  }
  return picked;
}
