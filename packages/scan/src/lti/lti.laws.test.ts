import { backends, cutOf, expectClose, expectPermutes, randomInputs, seeds, tries } from "@elapid/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fftConv } from "./fft-conv.ts";
import { ltiScan } from "./lti-scan.ts";

const ranges = { A: [-2, -0.1], dt: [0.05, 0.5] } as const;
const sizes = { batch: 1, time: 37, inner: 6, state: 3, complex: 2, taps: 37 };
const systems = [{ op: fftConv }, { op: ltiScan }];

/** The steps `from` to `to` of `u`. */
const steps = (u: Float32Array, from: number, to = sizes.time) => u.slice(from * sizes.inner, to * sizes.inner);

describe.each(backends())("linear time-invariant systems on $name", ({ run }) => {
  describe.each(systems)("$op.name", ({ op }) => {
    test("is causal: changing u from step k on leaves y before k unchanged", () =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: sizes.time - 1 }), async (k) => {
          const inputs = randomInputs(op, sizes, { seed: k, ranges });
          const changed = inputs.u.map((value, i) => (i < k * sizes.inner ? value : value + 1));
          const before = await run(op, sizes, inputs);
          const after = await run(op, sizes, { ...inputs, u: changed });
          if (op === ltiScan) expect(steps(after.y, 0, k)).toEqual(steps(before.y, 0, k));
          // rounding of a transform is of the whole sequence
          const absolute = 1e-6 * Math.max(...after.y.map(Math.abs));
          expectClose(steps(after.y, 0, k), steps(before.y, 0, k), { relative: 0, absolute, label: "y" });
        }),
        tries,
      ));

    test("is linear in u and the state together", () =>
      fc.assert(
        fc.asyncProperty(seeds, fc.integer({ min: -4, max: 4 }), async (seed, factor) => {
          const [inputs, other] = [seed, seed + 1].map((each) => randomInputs(op, sizes, { seed: each, ranges }));
          const varied = op.inputs.map(({ name }) => name).filter((name) => ["u", "initialState"].includes(name));
          const mixed = { ...inputs };
          const second = { ...inputs };
          for (const name of varied) {
            mixed[name] = inputs[name].map((value, i) => value + factor * other[name][i]);
            second[name] = other[name];
          }
          const [a, b, sum] = [await run(op, sizes, inputs), await run(op, sizes, second), await run(op, sizes, mixed)];
          for (const name in sum) {
            const expected = a[name].map((value, i) => value + factor * b[name][i]);
            expectClose(sum[name], expected, { relative: 1e-5, label: name });
          }
        }),
        tries,
      ));

    test("channels in another order give the same bits in that order", () =>
      fc.assert(
        fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 }), seeds, async (order, seed) => {
          const inputs = randomInputs(op, sizes, { seed, ranges });
          await expectPermutes(run, { op, sizes, inputs }, "inner", order);
        }),
        tries,
      ));

    test("is finite for large inputs", async () => {
      const inputs = randomInputs(op, sizes, { seed: 3, ranges: { ...ranges, u: [-1e4, 1e4] } });
      const { y } = await run(op, sizes, inputs);
      expect([...y].every(Number.isFinite)).toBe(true);
    });
  });

  test("ltiScan of a sequence cut anywhere, its state carried over, equals the whole", () =>
    fc.assert(
      fc.asyncProperty(cutOf(sizes.time), async (cut) => {
        const inputs = randomInputs(ltiScan, sizes, { seed: cut, ranges });
        const whole = await run(ltiScan, sizes, inputs);
        const head = await run(ltiScan, { ...sizes, time: cut }, { ...inputs, u: steps(inputs.u, 0, cut) });
        const rest = { ...inputs, u: steps(inputs.u, cut), initialState: head.finalState };
        const tail = await run(ltiScan, { ...sizes, time: sizes.time - cut }, rest);
        expectClose(Float32Array.of(...head.y, ...tail.y), whole.y, { relative: 2e-6, label: "y" });
        expectClose(tail.finalState, whole.finalState, { relative: 2e-6, label: "finalState" });
      }),
      tries,
    ));
});
