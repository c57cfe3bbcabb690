import { adamwOp } from "@elapid/ops";
import { Device, HostBackend, valueAndGrad, sum } from "@elapid/tensor";
import { expectClose, host, randomInputs } from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { AdamW } from "./adamw.ts";

const open = () => new Device(new HostBackend());

describe("adamw", () => {
  test.each([0, 1, 63, 257])("moves each of %i elements by the formula of the paper", async (rows) => {
    const inputs = randomInputs(adamwOp, { rows }, { seed: 1, ranges: { v: [0, 1] } });
    const attributes = { lr: 0.01, beta1: 0.8, beta2: 0.9, eps: 0.1, weightDecay: 0.5, gradientScale: 0.25, step: 3 };
    const { newParameter, newM, newV } = await host.run(adamwOp, { rows }, inputs, attributes);
    const m = Array.from(inputs.m, (value, i) => 0.8 * value + 0.2 * (inputs.gradient[i] / 4));
    const v = Array.from(inputs.v, (value, i) => 0.9 * value + 0.1 * (inputs.gradient[i] / 4) ** 2);
    const moved = Array.from(inputs.parameter, (value, i) => {
      const [mHat, vHat] = [m[i] / (1 - 0.8 ** 3), v[i] / (1 - 0.9 ** 3)];
      return value - 0.01 * (0.5 * value + mHat / (Math.sqrt(vHat) + 0.1));
    });
    expectClose(newM, m, { relative: 1e-6, label: "newM" });
    expectClose(newV, v, { relative: 1e-6, label: "newV" });
    expectClose(newParameter, moved, { relative: 1e-6, label: "newParameter" });
  });

  test("the first step has the size of the learning rate, whatever the gradient", async () => {
    using device = open();
    const w = device.tensor([1, 1, 1]);
    new AdamW([["w", w]], { weightDecay: 0 }).step({ w: device.tensor([1e-3, -5, 1e4]) }, { lr: 0.125 });
    expectClose(await w.data(), [0.875, 1.125, 0.875], { relative: 1e-5, label: "w" });
  });

  test("a NaN stays in its element", async () => {
    const inputs = randomInputs(adamwOp, { rows: 5 }, { seed: 2, ranges: { v: [0, 1] } });
    inputs.gradient[3] = NaN;
    const { newParameter } = await host.run(adamwOp, { rows: 5 }, inputs);
    expect([...newParameter].map(Number.isNaN)).toEqual([false, false, false, true, false]);
  });
});

describe("AdamW", () => {
  test("decays matrices and neither A, D, norms nor biases, unless told otherwise", async () => {
    using device = open();
    const names = ["layers.0.norm.weight", "layers.0.norm2.weight", "normF.weight", "layers.0.mixer.logA"];
    names.push("layers.0.mixer.D", "layers.0.mixer.deltaProj.bias", "layers.0.mixer.deltaBias");
    names.push("layers.0.mixer.inProj.weight", "embedding.weight");
    const decayed = async (options: ConstructorParameters<typeof AdamW>[1]) => {
      const parameters = names.map((name) => [name, device.tensor([1])] as const);
      const zeros = Object.fromEntries(names.map((name) => [name, device.tensor([0])]));
      new AdamW(parameters, { weightDecay: 0.5, ...options }).step(zeros, { lr: 1 });
      const after = await Promise.all(parameters.map(([, tensor]) => tensor.data()));
      return names.filter((_, i) => after[i][0] === 0.5);
    };
    expect(await decayed({})).toEqual(["layers.0.mixer.inProj.weight", "embedding.weight"]);
    expect(await decayed({ groups: [] })).toEqual(names);
    const has = (name: string) => name.includes("Proj");
    expect(await decayed({ groups: [{ has, lrScale: 0 }] })).toEqual(names.filter((name) => !name.includes("Proj")));
  });

  test("finds a minimum, and live bytes do not change from step to step", async () => {
    using device = open();
    const w = device.tensor([3, -2, 5]);
    const target = device.tensor([-1, -2, -3]);
    const optimiser = new AdamW([["w", w]], { weightDecay: 0 });
    let bytes: number | undefined;
    for (let step = 0; step < 300; step++) {
      const { value, gradients } = valueAndGrad(
        () => {
          const off = w.add(target);
          return sum(off.mul(off));
        },
        { w },
      );
      optimiser.step(gradients, { lr: 0.1 });
      for (const tensor of [value, gradients.w]) tensor.dispose();
      expect(device.liveBytes).toBe((bytes ??= device.liveBytes));
    }
    expectClose(await w.data(), [1, 2, 3], { relative: 0.01, label: "w" });
    optimiser.dispose();
    for (const tensor of [w, target]) tensor.dispose();
    expect(device.liveBytes).toBe(0);
  });

  test("names what is missing or out of range", () => {
    using device = open();
    const w = device.tensor([1]);
    const optimiser = new AdamW([["layers.0.w", w]]);
    expect(() => optimiser.step({}, { lr: 1 })).toThrow(
      new TypeError('Cannot take a step: the gradient of "layers.0.w" is missing'),
    );
    expect(optimiser.stepCount).toBe(0);
    expect(() => new AdamW([["w", w]], { beta2: 1 })).toThrow(
      new RangeError("Cannot make AdamW: beta2 is 1 but a number from 0 to below 1 was needed"),
    );
    expect(() => new AdamW([["w", w]], { weightDecay: -1 })).toThrow("weightDecay is -1");
  });
});
