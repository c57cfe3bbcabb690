import { Device, HostBackend, type WeightDType } from "@elapid/tensor";
import { expectClose, testedBackends } from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { AdamW } from "./adamw.ts";
import { train } from "./loop.ts";
import type { NextTokenModel } from "./loss.ts";
import { Lora } from "./lora.ts";
import { TunedState } from "./state-tuning.ts";
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

/** Losses of adapters, and of tuned states, beside weights of a type. */
async function narrowLosses(device: Device, dtype: WeightDType) {
  const learn = async (trained: Pick<Lora, "parameters">, model: NextTokenModel) => {
    using optimiser = new AdamW(trained.parameters(), { weightDecay: 0 });
    const list: number[] = [];
    const onStep = ({ loss }: { readonly loss: number }) => void list.push(loss);
    await train({ model, optimiser, data: countingBatches(), schedule: () => 0.05, steps: 3, onStep });
    return list;
  };
  using model = new TinyModel(device, 1, 4, dtype);
  using lora = new Lora(model, { rank: 2 });
  const adapters = await learn(lora, model);
  using tuned = new TunedState(model);
  return { adapters, states: await learn(tuned, tuned) };
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

  test("adapters and states learn beside narrow weights, every op with a kernel", async () => {
    using device = new Device(await open(), { strict: true });
    // products with q4 round what they multiply
    const tolerances = { bf16: 1e-4, q4: 2e-2 };
    for (const dtype of ["bf16", "q4"] as const) {
      const actual = await narrowLosses(device, dtype);
      const expected = await narrowLosses(new Device(new HostBackend()), dtype);
      for (const key of ["adapters", "states"] as const) {
        expectClose(actual[key], expected[key], { relative: tolerances[dtype], label: `${key} beside ${dtype}` });
        expect(actual[key].at(-1)!).toBeLessThan(actual[key][0]);
      }
      expect(device.liveBytes).toBe(0);
    }
  });
});
