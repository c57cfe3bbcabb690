import { kernels as opsKernels } from "@elapid/ops/wasm";
import { kernels as scanKernels } from "@elapid/scan/wasm";
import { Device } from "@elapid/tensor";
import { openWasm } from "@elapid/wasm";
import { expect, test } from "vitest";
import { AdamW } from "./adamw.ts";
import { train } from "./loop.ts";
import { countingBatches, TinyModel } from "./tiny.fixture.ts";

async function run(steps: number, threads: number) {
  const backend = await openWasm({ kernels: [...opsKernels, ...scanKernels], threads });
  using device = new Device(backend, { strict: true });
  const model = new TinyModel(device);
  const losses: number[] = [];
  const bytes: { readonly live: number; readonly peak: number }[] = [];
  await train({
    model,
    data: countingBatches(),
    optimiser: new AdamW(model.parameters()),
    schedule: () => 0.02,
    steps,
    onStep: ({ loss }) => {
      losses.push(loss);
      bytes.push({ live: device.liveBytes, peak: device.peakBytes });
    },
  });
  return { losses, bytes };
}

test("over 1,000 steps on WASM no byte is added after the second", async () => {
  const { bytes } = await run(1000, 1);
  expect(bytes).toHaveLength(1000);
  expect(new Set(bytes.slice(1).map(({ live }) => live)).size).toBe(1);
  expect(new Set(bytes.slice(1).map(({ peak }) => peak)).size).toBe(1);
});

test("the same seed gives the same losses on WASM, bit for bit, on any number of threads", async () => {
  const { losses } = await run(50, 2);
  expect((await run(50, 2)).losses).toEqual(losses);
  expect((await run(50, 1)).losses).toEqual(losses);
});
