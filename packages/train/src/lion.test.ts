import { Device, HostBackend } from "@elapid/tensor";
import { expect, test } from "vitest";
import { Lion } from "./lion.ts";
import { train } from "./loop.ts";
import { countingBatches, TinyModel } from "./tiny.fixture.ts";

const device = new Device(new HostBackend());

test("takes the steps of the paper", async () => {
  const weight = device.tensor([1, -2, 3]);
  const bias = device.tensor([1]);
  using optimiser = new Lion(Object.entries({ weight, bias }), { weightDecay: 0.5 });
  const gradients = { weight: device.tensor([4, -1, 0]), bias: device.tensor([2]) };
  optimiser.step(gradients, { lr: 0.1, gradientScale: 0.5 });
  const values = async () => [...(await weight.data()), ...(await bias.data())];
  const near = (list: readonly number[]) => list.map((value) => expect.closeTo(value, 6));
  // biases do not decay
  expect(await values()).toEqual(near([1 - 0.1 * (1 + 0.5), -2 + 0.1 * (1 + 1), 3 - 0.1 * 1.5, 1 - 0.1]));
  expect([...(await optimiser.state.get("m.weight")!.data())]).toEqual(near([0.02, -0.005, 0]));
  // the mean of before outweighs a gradient that is a tenth against it
  optimiser.step({ weight: device.tensor([-0.1, 0.02, 0]), bias: device.tensor([0]) }, { lr: 0.1 });
  const [first] = await values();
  expect(first).toBeCloseTo(0.85 - 0.1 * (1 + 0.425), 6);
  expect(optimiser.stepCount).toBe(2);
});

test("learns to count", async () => {
  const model = new TinyModel(new Device(new HostBackend()));
  const losses: number[] = [];
  const onStep = ({ loss }: { readonly loss: number }) => void losses.push(loss);
  const optimiser = new Lion(model.parameters());
  await train({ model, optimiser, data: countingBatches(), schedule: () => 0.005, steps: 80, onStep });
  expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]);
});

test("refuses settings out of range", () => {
  expect(() => new Lion([["x", device.tensor([1])]], { beta2: 1 })).toThrow("Cannot make Lion: beta2 is 1");
});
