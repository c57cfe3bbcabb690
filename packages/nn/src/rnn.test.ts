import { backends, expectClose } from "@elapid/testing";
import { Device, HostBackend, randomSource, sum, valueAndGrad } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { Gru } from "./gru.ts";
import { seeded } from "./init.ts";
import { Rnn, type RnnState } from "./rnn.ts";

const layers = [
  { name: "Rnn", Layer: Rnn, gates: 1 },
  { name: "Gru", Layer: Gru, gates: 3 },
];
const config = { dModel: 6, dHidden: 7 };
const [batch, time] = [2, 9];

/** Numbers for an input "batch time model". */
const values = (() => {
  const random = randomSource(3);
  return Float32Array.from({ length: batch * time * config.dModel }, () => 2 * random.next() - 1);
})();

describe.each(backends())("on $name", ({ device: open }) => {
  test.each(layers)("$name gives for tokens one by one what it gives for the sequence", async ({ Layer }) => {
    const device = await open();
    using _ = device.scope();
    const layer = new Layer(config, seeded(device, 5));
    const x = device.tensor(values, [batch, time, config.dModel]);
    const whole = layer.forward({ x });
    expect(whole.y.shape).toEqual([batch, time, config.dHidden]);
    let state: RnnState | undefined;
    for (let t = 0; t < time; t++) {
      const step = layer.forward({ x: x.slice(1, t, t + 1), state });
      const label = `y of step ${t}`;
      expectClose(await step.y.data(), await whole.y.slice(1, t, t + 1).data(), { relative: 2e-6, label });
      state = step.state;
    }
    expectClose(await state!.h.data(), await whole.state.h.data(), { relative: 2e-6, label: "h" });
  });

  test.each(layers)("$name passes packed sequences as it does one by one, gradients included", async ({ Layer }) => {
    const device = await open();
    using _ = device.scope();
    const layer = new Layer(config, seeded(device, 6));
    const x = device.tensor(values, [batch, time, config.dModel]).slice(0, 0, 1);
    const weights = device.tensor(values.subarray(0, time * config.dHidden), [1, time, config.dHidden]);
    const ints = (...numbers: number[]) => device.tensor(Int32Array.from(numbers), [1, time], "i32");
    const seqIdx = ints(4, 4, 4, 4, 9, 9, 9, 9, 9);
    const mask = ints(0, 1, 1, 1, 1, 1, 1, 0, 0);
    const parameters = { x, ...Object.fromEntries(layer.parameters()) };
    const pieces = [
      [1, 4],
      [4, 7],
    ] as const;

    const packed = layer.forward({ x, seqIdx, mask });
    for (const [from, to] of pieces) {
      const alone = layer.forward({ x: x.slice(1, from, to) });
      const label = `y of steps ${from} to ${to}`;
      expectClose(await packed.y.slice(1, from, to).data(), await alone.y.data(), { relative: 2e-6, label });
    }
    const together = valueAndGrad(() => sum(layer.forward({ x, seqIdx, mask }).y.mul(weights)), parameters).gradients;
    const apart = valueAndGrad(
      () =>
        pieces
          .map(([from, to]) => sum(layer.forward({ x: x.slice(1, from, to) }).y.mul(weights.slice(1, from, to))))
          .reduce((a, b) => a.add(b)),
      parameters,
    ).gradients;
    for (const [name, gradient] of Object.entries(apart)) {
      expectClose(await together[name as "x"].data(), await gradient.data(), { relative: 1e-5, label: name });
    }
  });

  test.each(layers)("$name leaves nothing behind after steps of training", async ({ Layer }) => {
    const device = await open();
    const layer = new Layer(config, seeded(device, 7));
    using x = device.tensor(values, [batch, time, config.dModel]);
    const before = device.liveBytes;
    for (let i = 0; i < 3; i++) {
      using _ = device.scope();
      const loss = () => {
        const { y, state } = layer.forward({ x });
        return sum(y).add(sum(layer.forward({ x, state }).state.h));
      };
      await valueAndGrad(loss, Object.fromEntries(layer.parameters())).value.data();
    }
    expect(device.liveBytes).toBe(before);
    layer.dispose();
  });
});

describe.each(layers)("$name", ({ name, Layer, gates }) => {
  const device = new Device(new HostBackend());

  test("starts as PyTorch does, every weight and bias uniform in ±1/√hidden", async () => {
    const layer = new Layer({ dModel: 32, dHidden: 25 }, seeded(device, 8));
    const shapes = Object.fromEntries([...layer.parameters()].map(([path, { shape }]) => [path, shape]));
    expect(shapes).toEqual({
      "inProj.weight": [gates * 25, 32],
      "inProj.bias": [gates * 25],
      "recurrent.weight": [gates * 25, 25],
      "recurrent.bias": [gates * 25],
    });
    for (const [path, parameter] of layer.parameters()) {
      const sizes = (await parameter.data()).map(Math.abs);
      expect(Math.max(...sizes), path).toBeLessThanOrEqual(0.2);
      expect(Math.max(...sizes), path).toBeGreaterThan(0.17);
    }
  });

  test("has as many outputs as inputs unless told otherwise, and biases unless told not to", () => {
    const layer = new Layer({ dModel: 4, bias: false }, seeded(device, 9));
    expect([...layer.parameters()].map(([path, { shape }]) => [path, shape])).toEqual([
      ["inProj.weight", [4 * gates, 4]],
      ["recurrent.weight", [4 * gates, 4]],
    ]);
    expect(layer.forward({ x: device.zeros([1, 2, 4]) }).y.shape).toEqual([1, 2, 4]);
  });

  test("names a state of another width", () => {
    const layer = new Layer({ dModel: 4 }, seeded(device, 9));
    const state = { h: device.zeros([1, 5]) };
    expect(() => layer.forward({ x: device.zeros([1, 2, 4]), state })).toThrow(
      new RegExp(`^Cannot run "${name.toLowerCase()}": "hidden" is 4 in (x|weight) but 5 in initialState$`),
    );
  });
});
