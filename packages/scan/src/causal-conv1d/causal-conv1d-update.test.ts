import {
  backends,
  expectGradients,
  expectMatchesReference,
  goldenCases,
  expectGolden,
  randomInputs,
} from "@elapid/testing";
import { Device, HostBackend, type Tensor } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { causalConv1d } from "./causal-conv1d.ts";
import { causalConv1dUpdate } from "./causal-conv1d-update.ts";
import { roll } from "./roll.ts";

const read = async (tensor: Tensor) => Float32Array.from(await tensor.data());

describe.each(backends())("causalConv1dUpdate on $name", ({ run, device }) => {
  test.each(goldenCases("causal_conv1d_update"))("matches $reference: $id", async (golden) =>
    expectGolden(await device(), golden),
  );

  test.each([
    { batch: 1, inner: 1, window: 1 },
    { batch: 3, inner: 5, window: 7 },
    { batch: 2, inner: 257, window: 4 },
    { batch: 2, inner: 3, window: 0 },
  ])("roll is its reference at B$batch E$inner W$window, for shifts of either sign", async (sizes) => {
    const inputs = randomInputs(roll, sizes, { seed: 1, ranges: { shift: [-9, 9] } });
    for (const sign of [1, -1]) {
      await expectMatchesReference(run, { op: roll, sizes, inputs, attributes: { offset: 3, sign } }, 0);
    }
  });

  test("rings of any length, at any place, give token by token what one sequence gives", () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          width: fc.integer({ min: 1, max: 8 }),
          more: fc.integer({ min: 1, max: 4 }),
          pieces: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
          before: fc.integer({ min: 0, max: 20 }),
        }),
        async ({ width, more, pieces, before }) => {
          const on = await device();
          using scope = on.scope();
          const [batch, inner, held] = [2, 3, width - 1 + more];
          const time = pieces.reduce((sum, length) => sum + length, 0);
          const { x, weight } = randomInputs(causalConv1d, { batch, time, inner, width }, { seed: before });
          const [all, taps] = [on.tensor(x, [batch, time, inner]), on.tensor(weight, [inner, width])];
          const whole = causalConv1d({ x: all, weight: taps });
          let [state, at] = [on.zeros([batch, inner, held]), 0];
          for (const length of pieces) {
            const piece = all.slice(1, at, at + length);
            // the second sequence has had more inputs than the first, all of them 0
            const cacheSeqlens = on.tensor([before + at, before + at + 5], [batch], "i32");
            const step = causalConv1dUpdate({ x: piece, state, weight: taps, cacheSeqlens });
            expect(await read(step.y)).toEqual(await read(whole.y.slice(1, at, at + length)));
            [state, at] = [step.state, at + length];
          }
          expect(scope).toBeDefined();
        },
      ),
      { numRuns: 6 },
    ));
});

test("the gradient of roll is roll, the other way round", () => {
  const sizes = { batch: 2, inner: 2, window: 5 };
  const inputs = randomInputs(roll, sizes, { seed: 3, ranges: { shift: [0, 9] } });
  return expectGradients({ op: roll, sizes, inputs, attributes: { offset: 2, sign: -1 } });
});

test("names a state that is too short", () => {
  const device = new Device(new HostBackend());
  const [x, weight] = [device.zeros([1, 1, 3]), device.zeros([3, 4])];
  expect(() => causalConv1dUpdate({ x, state: device.zeros([1, 3, 2]), weight })).toThrow(
    new RangeError('Cannot run "causal-conv1d-update": state holds 2 inputs but a window of 3 was needed'),
  );
  expect(() => causalConv1dUpdate({ x, state: device.zeros([1, 4, 3]), weight })).toThrow(
    new TypeError('Cannot run "causal-conv1d": "inner" is 3 in x but 4 in initialState'),
  );
});
