import { Device, type AnyOp, type Attributes } from "@elapid/tensor";
import { afterAll } from "vitest";
import { testedBackends } from "./devices.ts";
import type { Arrays, Sizes } from "./inputs.ts";
import { PoisoningBackend } from "./poison.ts";
import { runArrays } from "./run.ts";

/** Uploads plain arrays, runs an op on poisoned outputs, reads them back. */
export type Run = (
  op: AnyOp,
  sizes: Sizes,
  inputs: Arrays,
  attributes?: Attributes,
) => Promise<Record<string, Float32Array>>;

/** A backend under test. */
export interface BackendUnderTest {
  readonly name: string;
  readonly run: Run;
  /** The device itself, opened once a test file. An op without a kernel on it is an error. */
  readonly device: () => Promise<Device>;
}

/**
 * Every backend, for `describe.each(backends())("matmul on $name", ({ run }) => ...)`. One that cannot be
 * opened fails its tests; none is left out.
 */
export function backends(): BackendUnderTest[] {
  return testedBackends.map(({ name, open }) => {
    let opened: Promise<Device> | undefined;
    const device = () =>
      (opened ??= open().then((backend) => new Device(new PoisoningBackend(backend), { strict: true })));
    afterAll(async () => (await opened?.catch(() => undefined))?.dispose());
    return { name, device, run: async (...call) => runArrays(await device(), ...call) };
  });
}
