import { describe, expect, test } from "vitest";
import { valueAndGrad } from "./autograd.ts";
import { Device } from "./device.ts";
import { concat } from "./elementary/concat.ts";
import { sum } from "./elementary/sum.ts";
import { HostBackend } from "./host.ts";
import { defineOp } from "./op.ts";
import type { Tensor } from "./tensor.ts";

const device = () => new Device(new HostBackend());
const numbers = async (tensor: Tensor) => [...(await tensor.data())];

describe("valueAndGrad", () => {
  test("gives the value and its gradient by each parameter", async () => {
    using host = device();
    const [x, w] = [host.tensor([1, 2, 3, 4], [2, 2]), host.tensor([5, 6])];
    const { value, gradients } = valueAndGrad(() => sum(x.mul(w).add(x)), { x, w });
    expect(await numbers(value)).toEqual([5 + 12 + 15 + 24 + 10]);
    expect(await numbers(gradients.x)).toEqual([6, 7, 6, 7]);
    expect(await numbers(gradients.w)).toEqual([4, 6]);
    expect(gradients.x.shape).toEqual([2, 2]);
  });

  test("adds up what comes back along every path", async () => {
    using host = device();
    const x = host.tensor([0.5, -1]);
    const { gradients } = valueAndGrad(() => sum(x.exp().mul(x).add(x.neg())), { x });
    const slope = (v: number) => Math.exp(v) * (1 + v) - 1;
    (await numbers(gradients.x)).forEach((grad, i) => expect(grad).toBeCloseTo(slope([0.5, -1][i]), 6));
  });

  test("goes through reshape, slice, split and concat", async () => {
    using host = device();
    const x = host.tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    const weights = host.tensor([1, 10, 100, 1000, 10_000, 100_000], [6]);
    const { gradients } = valueAndGrad(
      () => {
        const [left, right] = x.split([1, 2]);
        const turned = concat([right, left], 1).reshape([6]);
        return sum(turned.mul(weights).reshape([2, 3]).slice(0, 0, 1));
      },
      { x },
    );
    expect(await numbers(gradients.x)).toEqual([100, 1, 10, 0, 0, 0]);
  });

  test("parts of a split that the value does not depend on have gradient zero", async () => {
    using host = device();
    const x = host.tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    const live = host.liveBytes;
    const { value, gradients } = valueAndGrad(() => sum(x.split([1, 1, 1])[1]), { x });
    expect(await numbers(gradients.x)).toEqual([0, 1, 0, 0, 1, 0]);
    value.dispose();
    gradients.x.dispose();
    expect(host.liveBytes).toBe(live);
  });

  test("a parameter that the value does not depend on has gradient zero", async () => {
    using host = device();
    const [x, idle] = [host.tensor([2]), host.tensor([1, 1])];
    const { gradients } = valueAndGrad(() => x.mul(x), { x, idle });
    expect(await numbers(gradients.x)).toEqual([4]);
    expect(await numbers(gradients.idle)).toEqual([0, 0]);
  });

  test("holds what it needs through scopes, and gives back all but the result", async () => {
    using host = device();
    const x = host.tensor([1, 2, 3]);
    const live = host.liveBytes;
    const { value, gradients } = valueAndGrad(
      () => {
        using scope = host.scope();
        return scope.keep(sum(x.mul(x).mul(x)));
      },
      { x },
    );
    expect(await numbers(gradients.x)).toEqual([3, 12, 27]);
    expect(host.liveBytes).toBe(live + value.byteLength + gradients.x.byteLength);
  });

  test("lets go of what no gradient reads", async () => {
    using host = device();
    const x = host.tensor(new Float32Array(1000).fill(1));
    const live = host.liveBytes;
    const { gradients } = valueAndGrad(
      () => {
        let y = x.add(x);
        for (let i = 0; i < 50; i++) {
          using before = y;
          y = before.add(x);
        }
        using scope = host.scope();
        return scope.keep(sum(y));
      },
      { x },
    );
    expect((await numbers(gradients.x))[0]).toBe(52);
    expect(host.peakBytes - live).toBeLessThan(10 * x.byteLength);
  });

  test("refuses a result of several numbers, an op without a gradient, and nesting", () => {
    using host = device();
    const x = host.tensor([1, 2]);
    const floor = defineOp({
      name: "floor",
      inputs: { x: "..." },
      outputs: { y: "..." },
      reference: ({ inputs, outputs: { y } }) => inputs.x.forEach((value, i) => (y[i] = Math.floor(value))),
    });
    expect(() => valueAndGrad(() => x.neg(), { x })).toThrow("the result has shape [2] but one number was needed");
    expect(() => valueAndGrad(() => sum(floor({ x }).y), { x })).toThrow(
      'Cannot differentiate through "floor": it has no gradient',
    );
    expect(() => valueAndGrad(() => valueAndGrad(() => sum(x), { x }).value, { x })).toThrow(
      "another valueAndGrad is running",
    );
    expect(() => valueAndGrad(() => sum(x), {})).toThrow("no parameters were given");
    expect(host.differentiating).toBe(false);
  });
});
