import { join } from "node:path";
import { openModelFiles } from "@elapid/loaders";
import { loadModel } from "@elapid/models";
import { Device, HostBackend } from "@elapid/tensor";
import { expectClose, testedBackends } from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { AdamW } from "./adamw.ts";
import { TokenBatches } from "./data.ts";
import { evaluateLoss, train } from "./loop.ts";
import { countingBatches, TinyModel } from "./tiny.fixture.ts";

/** Losses of a few steps of the tiny model, and the bytes that its device held after each. */
async function losses(device: Device, steps: number) {
  using model = new TinyModel(device);
  using optimiser = new AdamW(model.parameters());
  const list: number[] = [];
  const bytes: number[] = [];
  await train({
    model,
    optimiser,
    data: countingBatches(),
    schedule: () => 0.02,
    steps,
    onStep: ({ loss }) => {
      list.push(loss);
      bytes.push(device.liveBytes);
    },
  });
  return { list, bytes };
}

describe.each(testedBackends)("training on $name", ({ open }) => {
  test("gives the losses of the host, twice the same bits, and memory does not grow", async () => {
    // not strict: an op without a kernel there runs its reference
    using device = new Device(await open(), { onNotice: () => undefined });
    const { list, bytes } = await losses(device, 6);
    const expected = await losses(new Device(new HostBackend()), 6);
    expectClose(list, expected.list, { relative: 1e-4, label: "losses" });
    expect(new Set(bytes).size).toBe(1);
    expect((await losses(device, 6)).list).toEqual(list);
    expect(device.liveBytes).toBe(0);
  });
});

test("a model that was loaded, and computed beforehand what it could, is evaluated with what it learned", async () => {
  using device = new Device(new HostBackend());
  const files = await openModelFiles(join(import.meta.dirname, "../../../golden/training/mamba"));
  const { model } = await loadModel(files, device);
  await files.close();
  const logA = [...model.parameters()].filter(([name]) => name.endsWith("logA"));
  const data = new TokenBatches(
    Int32Array.from({ length: 17 }, (_, i) => 7 * i),
    { batch: 1, time: 16 },
  );
  // only the rates of decay learn, and fast: nothing else tells the loss of before from that of after
  const optimiser = new AdamW(logA, { groups: [], weightDecay: 0 });
  const before = await evaluateLoss(model, data.inOrder());
  const seen: number[] = [];
  await train({ model, data, optimiser, schedule: () => 0.2, steps: 3, onStep: ({ loss }) => void seen.push(loss) });
  const after = await evaluateLoss(model, data.inOrder());
  expect(seen[0]).toBeCloseTo(before, 5);
  expect(after).toBeLessThan(seen[2]);
  expect(seen[2]).toBeLessThan(before - 0.01);
});
