import type { AnyOp } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cutOf, someOf, tries } from "./arbitraries.ts";
import { backends } from "./backends.ts";
import { expectClose } from "./close.ts";
import { expectGolden, expectGoldenGradients, goldenCases } from "./golden.ts";
import { expectGradients } from "./gradients.ts";
import { randomInputs, type Arrays, type RandomOptions, type Sizes } from "./inputs.ts";
import { expectIndependent, expectMatchesReference } from "./laws.ts";
import { expectNaNsOfReference, expectSameBitsOnThreads } from "./wasm-laws.ts";

const small = { batch: 3, time: 11, hidden: 5 };
const one = { ...small, batch: 1 };
const shapes = [
  { batch: 1, time: 1, hidden: 1 },
  { batch: 2, time: 63, hidden: 5 }, // no size is a multiple of a vector
  { batch: 1, time: 130, hidden: 63 },
  { batch: 5, time: 3, hidden: 257 }, // more channels than a workgroup has invocations
  { batch: 3, time: 1, hidden: 20 }, // one token
];
const outputs = ["y", "before", "dx", "dproduct"];
const perStep = ["x", "mask", "seqIdx", "dy", "product", ...outputs];

/** Random inputs under which the state neither dies away nor runs wild: wild ones magnify every rounding. */
function inputsOf(op: AnyOp, sizes: Sizes, options: RandomOptions): Record<string, Float32Array> {
  const bound = sizes.hidden ** -0.5;
  const ranges = { weight: [-bound, bound], mask: [0, 1], seqIdx: [0, 1], ...options.ranges } as const;
  return randomInputs(op, sizes, { ...options, ranges });
}

/** The steps at `kept` of every sequence. */
function stepsOf(arrays: Arrays, { batch, time }: Sizes, kept: readonly number[]): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, values]) => {
      if (!perStep.includes(name)) return [name, values];
      const width = values.length / (batch * time);
      const rows = Array.from({ length: batch }, (_, b) =>
        kept.flatMap((t) => [...values.subarray((b * time + t) * width, (b * time + t + 1) * width)]),
      );
      return [name, Float32Array.from(rows.flat())];
    }),
  );
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const without = (arrays: Arrays, ...names: readonly string[]) =>
  Object.fromEntries(Object.entries(arrays).filter(([name]) => !names.includes(name)));
const optionalOf = (op: AnyOp) => op.inputs.filter((port) => port.optional).map(({ name }) => name);

/** What a recurrent network that is serial in time, and the ops of its gradient, are asked on every device. */
export function testRecurrence(op: AnyOp, gradients: readonly AnyOp[]): void {
  const calls = [op, ...gradients].map((each) => ({ name: each.name, each }));

  describe.each(backends())(`${op.name} on $name`, ({ run, device, name: backend }) => {
    describe.each(calls)("$name", ({ each }) => {
      test.each(shapes)("matches the reference at B$batch T$time H$hidden", async (sizes) => {
        await expectMatchesReference(run, { op: each, sizes, inputs: inputsOf(each, sizes, { seed: 1 }) });
        const bare = inputsOf(each, sizes, { seed: 2, without: optionalOf(each) });
        await expectMatchesReference(run, { op: each, sizes, inputs: bare });
      });

      test.each(optionalOf(each))("matches the reference without %s", (left) =>
        expectMatchesReference(run, {
          op: each,
          sizes: small,
          inputs: inputsOf(each, small, { seed: 3, without: [left] }),
        }),
      );

      test("has NaN where the reference has it", () =>
        expectNaNsOfReference(run, { op: each, sizes: small, inputs: inputsOf(each, small, { seed: 4 }) }));

      test("computes a sequence with the same bits whatever others are in the batch, in any order", () => {
        const sizes = { ...small, batch: 4, hidden: 21 };
        const inputs = inputsOf(each, sizes, { seed: 5 });
        return fc.assert(
          fc.asyncProperty(someOf(4), (chosen) => expectIndependent(run, { op: each, sizes, inputs }, "batch", chosen)),
          tries,
        );
      });

      test("looks at nothing that stands in padding, NaN included", async () => {
        const mask = Float32Array.from({ length: one.time }, (_, t) => Number(t % 3 > 0));
        const inputs = { ...inputsOf(each, one, { seed: 6 }), mask };
        const spoilt = Object.fromEntries(
          Object.entries(inputs).map(([name, values]) => {
            if (!perStep.includes(name) || name === "mask" || name === "seqIdx") return [name, values];
            const width = values.length / one.time;
            return [name, values.map((value, i) => (mask[Math.floor(i / width)] === 0 ? NaN : value))];
          }),
        );
        expect(await run(each, one, spoilt)).toEqual(await run(each, one, inputs));
      });
    });

    test.each(goldenCases(`torch_${op.name}`))("matches $reference: $id", async (golden) =>
      expectGolden(await device(), golden),
    );

    test.each(goldenCases(`torch_${op.name}`))("has the gradients of $reference: $id", async (golden) =>
      expectGoldenGradients(await device(), golden),
    );

    /** Kernels have the same bits; the reference rounds where it is cut. */
    const expectEqual = (actual: Float32Array, expected: Float32Array, label: string) =>
      backend === "host" ? expectClose(actual, expected, { relative: 1e-6, label }) : expect(actual).toEqual(expected);

    test("cut anywhere, the state carried over, equals the whole", () =>
      fc.assert(
        fc.asyncProperty(cutOf(small.time), async (cut) => {
          const inputs = inputsOf(op, small, { seed: cut, without: ["mask", "seqIdx"] });
          const [first, second] = [range(0, cut), range(cut, small.time)];
          const whole = await run(op, small, inputs);
          const head = await run(op, { ...small, time: cut }, stepsOf(inputs, small, first));
          const rest = { ...stepsOf(inputs, small, second), initialState: head.finalState };
          const tail = await run(op, { ...small, time: small.time - cut }, rest);
          expectEqual(head.y, stepsOf(whole, small, first).y, "y before the cut");
          expectEqual(tail.y, stepsOf(whole, small, second).y, "y after the cut");
          expectEqual(tail.finalState, whole.finalState, "finalState");
        }),
        tries,
      ));

    test("packed sequences give what they give alone, and padding changes nothing", async () => {
      const inputs = inputsOf(op, one, { seed: 7 });
      const seqIdx = Float32Array.from(range(0, one.time), (t) => (t < 5 ? 3 : 8));
      const mask = Float32Array.from(range(0, one.time), (t) => Number(![0, 4, 7, 10].includes(t)));
      const packed = await run(op, one, { ...inputs, seqIdx, mask });
      const kept = [
        [1, 2, 3],
        [5, 6, 8, 9],
      ];
      const alone = [];
      for (const [i, steps] of kept.entries()) {
        const left = i === 0 ? ["mask", "seqIdx"] : ["mask", "seqIdx", "initialState"];
        const own = without(stepsOf(inputs, one, steps), ...left);
        alone.push(await run(op, { ...one, time: steps.length }, own));
        expectClose(stepsOf(packed, one, steps).y, alone[i].y, { relative: 1e-6, label: `y of sequence ${i}` });
      }
      expectClose(packed.finalState, alone[1].finalState, { relative: 1e-6, label: "finalState" });
      expect(stepsOf(packed, one, [0, 4, 7, 10]).y).toEqual(new Float32Array(4 * one.hidden));
    });

    test("with no steps hands the state on as it is", async () => {
      const inputs = inputsOf(op, { ...small, time: 0 }, { seed: 8 });
      const { y, finalState } = await run(op, { ...small, time: 0 }, inputs);
      expect(y).toEqual(new Float32Array());
      expect(finalState).toEqual(inputs.initialState);
    });
  });

  test.each(calls)("$name has the same bits on any number of threads", ({ each }) => {
    const sizes = { batch: 7, time: 65, hidden: 48 };
    return expectSameBitsOnThreads({ op: each, sizes, inputs: inputsOf(each, sizes, { seed: 9 }) });
  });

  test.each([[], ["mask", "seqIdx"], ["bias", "initialState"]])(
    `gradient of every input of ${op.name} agrees with finite differences, without %s`,
    (...left) => {
      const sizes = { batch: 2, time: 5, hidden: 3 };
      return expectGradients({ op, sizes, inputs: inputsOf(op, sizes, { seed: 10, without: left }) });
    },
  );
}
