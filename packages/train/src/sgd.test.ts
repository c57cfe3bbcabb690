import { sgdOp } from "@elapid/ops";
import { Device, HostBackend } from "@elapid/tensor";
import { expectClose, host, randomInputs } from "@elapid/testing";
import { expect, test } from "vitest";
import { Sgd } from "./sgd.ts";

test.each([false, true])("moves each element by the formula, nesterov %s", async (nesterov) => {
  const inputs = randomInputs(sgdOp, { rows: 63 }, { seed: 1 });
  const attributes = { lr: 0.5, momentum: 0.75, nesterov, weightDecay: 0.25, gradientScale: 2 };
  const { newParameter, newVelocity } = await host.run(sgdOp, { rows: 63 }, inputs, attributes);
  const g = Array.from(inputs.gradient, (value, i) => 2 * value + 0.25 * inputs.parameter[i]);
  const velocity = g.map((value, i) => 0.75 * inputs.velocity[i] + value);
  expectClose(newVelocity, velocity, { relative: 1e-6, label: "newVelocity" });
  const moved = velocity.map((value, i) => inputs.parameter[i] - 0.5 * (nesterov ? g[i] + 0.75 * value : value));
  expectClose(newParameter, moved, { relative: 1e-6, label: "newParameter" });
});

test("a constant gradient is followed ever faster, up to 1 / (1 - momentum) times", async () => {
  using device = new Device(new HostBackend());
  const w = device.tensor([0]);
  const g = device.tensor([1]);
  const optimiser = new Sgd([["w", w]], { momentum: 0.5 });
  const places = [0];
  for (let step = 0; step < 30; step++) {
    optimiser.step({ w: g }, { lr: 1 });
    places.push((await w.data())[0]);
  }
  const moves = places.slice(1).map((place, i) => places[i] - place);
  expect(moves.slice(0, 3)).toEqual([1, 1.5, 1.75]);
  expectClose(moves.slice(-1), [2], { relative: 1e-6, label: "last move" });
  optimiser.dispose();
  expect(device.liveBytes).toBe(8);
});
