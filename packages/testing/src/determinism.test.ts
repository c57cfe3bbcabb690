import { kernels as opsKernels } from "@elapid/ops/wasm";
import { kernels as scanKernels } from "@elapid/scan/wasm";
import { Device } from "@elapid/tensor";
import { openWasm } from "@elapid/wasm";
import { describe, expect, test } from "vitest";
import { backends } from "./backends.ts";
import { runArrays } from "./run.ts";
import { sampleCalls } from "./samples.ts";

const named = (scale: number) => sampleCalls(scale).map((call) => ({ name: call.op.name, ...call }));

describe.each(backends())("determinism on $name", ({ run }) => {
  test.each(named(3))("$name gives the same bits twice", async ({ op, sizes, inputs, attributes }) => {
    expect(await run(op, sizes, inputs, attributes)).toEqual(await run(op, sizes, inputs, attributes));
  });
});

test("every op gives the same bits on any number of threads", async () => {
  const kernels = [...opsKernels, ...scanKernels];
  const devices = await Promise.all([1, 2, 3].map(async (threads) => new Device(await openWasm({ kernels, threads }))));
  for (const { op, sizes, inputs, attributes } of sampleCalls(200)) {
    const [one, ...more] = await Promise.all(devices.map((device) => runArrays(device, op, sizes, inputs, attributes)));
    for (const outputs of more) expect(outputs, op.name).toEqual(one);
  }
  for (const device of devices) device.dispose();
});
