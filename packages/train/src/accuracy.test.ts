import { Embedding, Linear, Module, seeded } from "@elapid/nn";
import { Device, HostBackend, type Tensor } from "@elapid/tensor";
import { expect, test } from "vitest";
import { evaluateAccuracy } from "./accuracy.ts";
import { AdamW } from "./adamw.ts";
import type { Batch, BatchSource } from "./data.ts";
import { train } from "./loop.ts";

/** Says the token that it sees. */
class Echo extends Module {
  readonly embedding: Embedding;

  constructor(device: Device) {
    super();
    this.embedding = new Embedding(3, 3, (shape) => device.tensor([1, 0, 0, 0, 1, 0, 0, 0, 1], shape));
  }

  forward(ids: Tensor): { logits: Tensor } {
    return { logits: this.embedding.forward(ids) };
  }
}

test("counts the labels that are likeliest, and only where there is one", async () => {
  using device = new Device(new HostBackend());
  using model = new Echo(device);
  const before = device.liveBytes;
  const batch = (labels: readonly number[]): Batch => ({
    ids: Int32Array.of(0, 1, 2, 1),
    labels: Int32Array.from(labels),
    batch: 2,
    time: 2,
  });
  expect(await evaluateAccuracy(model, [batch([0, 0, -100, 1]), batch([-100, -100, 2, -100])])).toBe(3 / 4);
  expect(await evaluateAccuracy(model, [batch([-100, -100, -100, -100])])).toBeNaN();
  expect(device.liveBytes).toBe(before);
});

/** Reads numbers, not tokens, and says whether they are above 0. */
class Sign extends Module {
  readonly head: Linear;

  constructor(device: Device) {
    super();
    this.head = new Linear(1, 2, seeded(device, 1), { bias: true });
  }

  forward(signal: Tensor): { logits: Tensor } {
    return { logits: this.head.forward(signal.reshape([...signal.shape, 1])) };
  }
}

test("a model that takes a signal learns from batches of numbers", async () => {
  using device = new Device(new HostBackend());
  using model = new Sign(device);
  const ids = Float32Array.of(-2, -1, 1, 2.5, -0.5, 0.5);
  const batch = { ids, labels: Int32Array.from(ids, (x) => Number(x > 0)), batch: 2, time: 3 };
  const data: BatchSource = { position: { seed: 0, epoch: 0, window: 0 }, next: () => batch };
  using optimiser = new AdamW(model.parameters());
  await train({ model, data, optimiser, schedule: () => 0.1, steps: 40 });
  expect(await evaluateAccuracy(model, [batch])).toBe(1);
});
