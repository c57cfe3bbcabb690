import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openModelFiles } from "@elapid/loaders";
import { loadModel } from "@elapid/models";
import { Device, HostBackend } from "@elapid/tensor";
import { AdamW, evaluateLoss, TokenBatches, train } from "@elapid/train";
import { expect, test } from "vitest";
import { readSafetensors } from "../safetensors.ts";
import { worst } from "./report.ts";
import { checkAdamW, type AdamWRun } from "./training.ts";

const folder = join(import.meta.dirname, "../../../../golden/training/mamba");

function expected() {
  const { adamw: run } = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as { adamw: AdamWRun };
  const tensors = readSafetensors(join(folder, "expected.safetensors"));
  const { shape, data } = tensors.get("adamw.input_ids")!;
  const ids = Array.from({ length: shape[0] }, (_, row) => [...data.subarray(row * shape[1], (row + 1) * shape[1])]);
  return { run, tensors, ids };
}

async function open(device: Device) {
  const files = await openModelFiles(folder);
  try {
    return await loadModel(files, device);
  } finally {
    await files.close();
  }
}

test("ten steps of AdamW give PyTorch's losses, gradient norms and parameters", async () => {
  using device = new Device(new HostBackend());
  const lm = await open(device);
  const before = device.liveBytes;
  const comparisons = await checkAdamW(lm, expected());
  expect(worst(comparisons)).toMatchObject({ kind: "passed" });
  expect(comparisons.length).toBeGreaterThan(11 + 10 + 3 * 32);
  expect(device.liveBytes).toBe(before);
});

test("another learning rate is found out", async () => {
  using device = new Device(new HostBackend());
  const { run, ...rest } = expected();
  const comparisons = await checkAdamW(await open(device), { ...rest, run: { ...run, lr: 1.01 * run.lr } });
  expect(worst(comparisons)).toMatchObject({ kind: "failed" });
});

test("a model that was loaded, and computed beforehand what it could, is evaluated with what it learned", async () => {
  using device = new Device(new HostBackend());
  const { model } = await open(device);
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
