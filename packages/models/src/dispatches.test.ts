import { argmax } from "@elapid/ops";
import { seeded } from "@elapid/nn";
import { softwareWebGpu } from "@elapid/testing";
import { Device } from "@elapid/tensor";
import { expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { mamba } from "./mamba.ts";

test("one token of 24 layers of Mamba-1 takes few dispatches", async () => {
  const backend = await softwareWebGpu();
  using device = new Device(backend, { strict: true });
  const json = { vocab_size: 16, hidden_size: 64, num_hidden_layers: 24, intermediate_size: 128, time_step_rank: 48 };
  const model = mamba.configure(readConfig(json, "config.json"))(seeded(device, 1));
  model.freeze();
  const ids = device.tensor(Int32Array.of(3), [1, 1]);
  const { layers } = model.forward(ids, { logits: "none" });
  await device.finish();
  const before = backend.dispatchCount;
  const { logits } = model.forward(ids, { layers, logits: "last" });
  await argmax(logits!).data();
  // a layer: norm and sum, input, convolution, its projection, step sizes, scan, output, and a copy of B where it may not begin
  const copies = 192 % device.alignment === 0 ? 0 : 24;
  expect(backend.dispatchCount - before).toBe(24 * 7 + copies + 4);
});
