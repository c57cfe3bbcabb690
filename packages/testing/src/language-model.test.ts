import { languageModel } from "@elapid/models";
import { seeded } from "@elapid/nn";
import { Device, HostBackend } from "@elapid/tensor";
import { AdamW, TokenBatches, train } from "@elapid/train";
import { describe, expect, test } from "vitest";
import { testedBackends } from "./devices.ts";
import { expectClose } from "./close.ts";

const hybrids = [["mamba", "attention", "gru"], ["mamba2", "s4d", "rnn"], ["mamba3"]] as const;

/** Losses of a few steps of a model of these mixers, and the bytes that its device held after each. */
async function losses(device: Device, blocks: (typeof hybrids)[number]) {
  const config = { vocabSize: 12, dModel: 8, blocks, dIntermediate: 8, positions: "learned" } as const;
  using model = languageModel(config, seeded(device, 1));
  using optimiser = new AdamW(model.parameters());
  const tokens = Int32Array.from({ length: 200 }, (_, i) => (i * (1 + Math.floor(i / 70))) % 12);
  const list: number[] = [];
  const bytes: number[] = [];
  await train({
    model,
    optimiser,
    data: new TokenBatches(tokens, { batch: 2, time: 12, seed: 5 }),
    schedule: () => 0.01,
    steps: 5,
    onStep: ({ loss }) => {
      list.push(loss);
      bytes.push(device.liveBytes);
    },
  });
  return { list, bytes };
}

describe.each(testedBackends)("training on $name", ({ name, open }) => {
  // a software adapter takes minutes to compile the gradients of all kinds; their layers are tested on it one by one
  const tested = name.startsWith("webgpu") ? hybrids.slice(0, 1) : hybrids;
  test.each(tested.map((blocks) => ({ blocks })))(
    "blocks of $blocks gives the losses of the host, by kernels alone, in memory that does not grow",
    { timeout: 300_000 },
    async ({ blocks }) => {
      using device = new Device(await open(), { strict: true });
      const { list, bytes } = await losses(device, blocks);
      const host = await losses(new Device(new HostBackend()), blocks);
      expectClose(list, host.list, { relative: 1e-4, label: "losses" });
      expect(new Set(bytes).size).toBe(1);
      expect(device.liveBytes).toBe(0);
    },
  );
});
