import { Device } from "@elapid/tensor";
import { expect } from "vitest";
import { backends, type BackendUnderTest, type Run } from "./backends.ts";
import type { Call } from "./call.ts";
import { host } from "./host.ts";
import { runArrays } from "./run.ts";

/** Those of `backends()` that run WebAssembly, for ops whose kernels other devices do not have. */
export function wasmBackends(): BackendUnderTest[] {
  return backends().filter(({ name }) => name.startsWith("wasm"));
}

/**
 * Asserts that a NaN anywhere in a float input makes those results NaN that it makes NaN in the reference, and no others
 * unless `spreads`.
 */
export async function expectNaNsOfReference(
  run: Run,
  { op, sizes, inputs, attributes }: Call,
  { spreads = false }: { readonly spreads?: boolean } = {},
): Promise<void> {
  for (const { name, dtype } of op.inputs) {
    const values = inputs[name];
    if (values === undefined || dtype !== "f32") continue;
    const spoilt = { ...inputs, [name]: values.with(Math.floor(values.length / 2), NaN) };
    const expected = await host.run(op, sizes, spoilt, attributes);
    const actual = await run(op, sizes, spoilt, attributes);
    for (const output in expected) {
      const places = placesOfNaN(expected[output]);
      const label = `NaN in ${name}, ${output}`;
      if (spreads) expect(placesOfNaN(actual[output]), label).toEqual(expect.arrayContaining(places));
      else expect(placesOfNaN(actual[output]), label).toEqual(places);
    }
  }
}

/** Asserts that a call gives the same bits on one, two and three threads, and twice on the same. */
export async function expectSameBitsOnThreads({ op, sizes, inputs, attributes }: Call): Promise<void> {
  const [{ openWasm }, ops, scan] = await Promise.all([
    import("@elapid/wasm"),
    import("@elapid/ops/wasm"),
    import("@elapid/scan/wasm"),
  ]);
  const kernels = [...ops.kernels, ...scan.kernels];
  const results: Record<string, Float32Array>[] = [];
  for (const threads of [1, 2, 3]) {
    using device = new Device(await openWasm({ kernels, threads }), { strict: true });
    for (let i = 0; i < 2; i++) results.push(await runArrays(device, op, sizes, inputs, attributes));
  }
  const [first, ...others] = results;
  for (const other of others) expect(other, op.name).toEqual(first);
}

function placesOfNaN(values: Float32Array): number[] {
  return [...values.keys()].filter((i) => Number.isNaN(values[i]));
}
