import { Device, HostBackend } from "@elapid/tensor";
import { expectClose, testedBackends } from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { AdamW } from "./adamw.ts";
import { train } from "./loop.ts";
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
