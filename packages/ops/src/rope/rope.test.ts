import { Device, HostBackend, sum, valueAndGrad } from "@elapid/tensor";
import { backends, expectClose, expectMatchesReference, randomInputs } from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { rope, ropeOp } from "./rope.ts";

const sizes = { batch: 2, time: 3, heads: 2, headDim: 5, pairs: 2 };

describe.each(backends())("rope on $name", ({ run, device }) => {
  test.each([
    { batch: 1, time: 1, heads: 1, headDim: 2, pairs: 1 },
    { batch: 2, time: 63, heads: 3, headDim: 10, pairs: 5 },
    { batch: 1, time: 5, heads: 2, headDim: 257, pairs: 63 },
    { batch: 2, time: 3, heads: 1, headDim: 7, pairs: 0 },
  ])("matches the reference at $time x $heads x $headDim, $pairs pairs", async (sizes) => {
    for (const inverse of [false, true]) {
      const inputs = randomInputs(ropeOp, sizes, { seed: 1 });
      await expectMatchesReference(run, { op: ropeOp, sizes, inputs, attributes: { inverse } });
    }
  });

  test("products depend on the distance alone, far out too", async () => {
    const there = await device();
    using scope = there.scope();
    const x = there.tensor([0.3, -0.5, 0.8, 0.1], [1, 1, 1, 4]);
    const y = there.tensor([-0.2, 0.9, 0.4, 0.6], [1, 1, 1, 4]);
    const product = async (i: number, j: number) => {
      const [a, b] = [await rope(x, { offset: i }).data(), await rope(y, { offset: j }).data()];
      return [...a].reduce((total, value, d) => total + value * b[d], 0);
    };
    expectClose([await product(100_007, 100_000)], [await product(7, 0)], { relative: 1e-5, label: "product" });
    void scope;
  });
});

test("the gradient turns back", async () => {
  using device = new Device(new HostBackend());
  const { x, y: weights } = randomInputs({ ...ropeOp, inputs: [...ropeOp.inputs, ...ropeOp.outputs] }, sizes, {
    seed: 2,
  });
  const given = device.tensor(x, [2, 3, 2, 5]);
  const upstream = device.tensor(weights, [2, 3, 2, 5]);
  const options = { rotaryDim: 4, offset: 11 };
  const { gradients } = valueAndGrad(() => sum(rope(given, options).mul(upstream)), { given });
  // a rotation keeps products: turned by the same angles, the gradient is what came from above
  const turned = await rope(gradients.given, options).data();
  expectClose(turned, weights, { relative: 1e-6, label: "gradient" });
});

test("misuse names the width", () => {
  using device = new Device(new HostBackend());
  const x = device.zeros([1, 2, 1, 4]);
  expect(() => rope(x, { rotaryDim: 3 })).toThrow('Cannot run "rope": rotaryDim is 3 but an even number was needed');
  expect(() => rope(x, { rotaryDim: 6 })).toThrow(
    'Cannot run "rope": "headDim" is 4 but at least 6 channels are turned',
  );
});
