import {
  backends,
  cutOf,
  expectClose,
  expectGolden,
  expectIndependent,
  expectMatchesReference,
  goldenCases,
  randomInputs,
  seeds,
  someOf,
  tries,
} from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { causalConv1d as op } from "./causal-conv1d.ts";

const small = { batch: 2, time: 19, inner: 5, width: 4 };
const silu = { activation: "silu" };
const masked = { mask: [0, 1], seqIdx: [0, 2] } as const;
const unmasked = { without: ["mask", "seqIdx"] };

const shapes = [
  { batch: 1, time: 1, inner: 1, width: 1 },
  { batch: 2, time: 1, inner: 257, width: 4 }, // one token: decoding
  { batch: 3, time: 63, inner: 5, width: 2 },
  { batch: 1, time: 257, inner: 63, width: 3 },
  { batch: 1, time: 2, inner: 66, width: 7 }, // shorter than the window
  { batch: 2, time: 129, inner: 130, width: 4 }, // enough for several threads
];

/** The steps `from` to `to` of `values`, "batch time inner". */
function stepsOf(values: Float32Array, batch: number, time: number, from: number, to: number): Float32Array {
  const inner = values.length / (batch * time);
  const rows = Array.from({ length: batch }, (_, b) => [
    ...values.subarray((b * time + from) * inner, (b * time + to) * inner),
  ]);
  return Float32Array.from(rows.flat());
}

describe.each(backends())("causalConv1d on $name", ({ run, device }) => {
  test.each([...goldenCases("causal_conv1d"), ...goldenCases("causal_conv1d_update")])(
    "matches $reference: $id",
    async (golden) => expectGolden(await device(), golden),
  );

  describe.each(shapes)("at B$batch T$time E$inner W$width", (sizes) => {
    test("matches the reference with everything", () =>
      expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, { seed: 1, ranges: masked }),
        attributes: silu,
      }));

    test("matches the reference with nothing optional", () =>
      expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, { seed: 2, without: ["bias", "initialState", "mask", "seqIdx"] }),
      }));
  });

  test.each(["bias", "initialState", "mask", "seqIdx"])("matches the reference without %s", (left) =>
    expectMatchesReference(run, {
      op,
      sizes: small,
      inputs: randomInputs(op, small, { seed: 3, ranges: masked, without: [left] }),
    }),
  );

  test.each([1e-6, 1e4])("is right and finite for inputs of %f", async (size) => {
    const ranges = { ...masked, x: [-size, size], initialState: [-size, size] } as const;
    const inputs = randomInputs(op, small, { seed: 14, ranges });
    await expectMatchesReference(run, { op, sizes: small, inputs, attributes: silu });
    const { y } = await run(op, small, inputs, silu);
    expect([...y].every(Number.isFinite)).toBe(true);
  });

  test("is causal: changing x from step k on leaves y before k unchanged", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: small.time - 1 }), async (k) => {
        const sizes = { ...small, batch: 1 };
        const inputs = randomInputs(op, sizes, { seed: k, ...unmasked });
        const end = k * sizes.inner;
        const before = await run(op, sizes, inputs, silu);
        const after = await run(
          op,
          sizes,
          { ...inputs, x: inputs.x.map((value, i) => (i < end ? value : value + 1)) },
          silu,
        );
        expect(after.y.slice(0, end)).toEqual(before.y.slice(0, end));
      }),
      tries,
    ));

  test("a sequence cut anywhere, its window carried over, equals the whole bit for bit", () =>
    fc.assert(
      fc.asyncProperty(cutOf(small.time), async (cut) => {
        const { batch, time } = small;
        const inputs = randomInputs(op, small, { seed: cut, ...unmasked });
        const whole = await run(op, small, inputs, silu);
        const head = await run(
          op,
          { ...small, time: cut },
          { ...inputs, x: stepsOf(inputs.x, batch, time, 0, cut) },
          silu,
        );
        const rest = { ...inputs, x: stepsOf(inputs.x, batch, time, cut, time), initialState: head.finalState };
        const tail = await run(op, { ...small, time: time - cut }, rest, silu);
        expect(head.y).toEqual(stepsOf(whole.y, batch, time, 0, cut));
        expect(tail.y).toEqual(stepsOf(whole.y, batch, time, cut, time));
        expect(tail.finalState).toEqual(whole.finalState);
      }),
      tries,
    ));

  test("padding enters no window, wherever it stands and whatever it holds", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: small.time, maxLength: small.time }),
        seeds,
        async (kept, seed) => {
          const sizes = { ...small, batch: 1 };
          const { inner } = sizes;
          const inputs = randomInputs(op, sizes, { seed, ...unmasked });
          const mask = Float32Array.from(kept, Number);
          const spoilt = inputs.x.map((value, i) => (kept[Math.floor(i / inner)] ? value : NaN));
          const padded = await run(op, sizes, { ...inputs, x: spoilt, mask }, silu);
          const at = kept.flatMap((keep, t) => (keep ? [t] : []));
          const x = Float32Array.from(at.flatMap((t) => [...inputs.x.subarray(t * inner, (t + 1) * inner)]));
          const alone = await run(op, { ...sizes, time: at.length }, { ...inputs, x }, silu);
          expect(Float32Array.from(at.flatMap((t) => [...padded.y.subarray(t * inner, (t + 1) * inner)]))).toEqual(
            alone.y,
          );
          expect(padded.finalState).toEqual(alone.finalState);
          expect(padded.y.filter((_value, i) => !kept[Math.floor(i / inner)]).every((value) => value === 0)).toBe(true);
        },
      ),
      tries,
    ));

  test("packed sequences are the same sequences one by one, padding between them or not", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 6 }), seeds, async (lengths, seed) => {
        const time = lengths.reduce((sum, length) => sum + length, 0);
        const sizes = { ...small, batch: 1, time };
        const { inner } = sizes;
        const inputs = randomInputs(op, sizes, { seed, without: ["seqIdx"], ranges: masked });
        const seqIdx = Float32Array.from(lengths.flatMap((length, i) => Array<number>(length).fill(i)));
        const packed = await run(op, sizes, { ...inputs, seqIdx }, silu);
        // a sequence of padding alone does not count
        const isReal = (from: number, to: number) => inputs.mask.subarray(from, to).some((value) => value !== 0);
        let from = 0;
        let [isFirst, last] = [true, inputs.initialState];
        for (const length of lengths) {
          const to = from + length;
          if (isReal(from, to)) {
            const { initialState, ...rest } = inputs;
            const own = { ...rest, x: inputs.x.slice(from * inner, to * inner), mask: inputs.mask.slice(from, to) };
            const alone = await run(op, { ...sizes, time: length }, isFirst ? { ...own, initialState } : own, silu);
            expect(packed.y.slice(from * inner, to * inner)).toEqual(alone.y);
            [isFirst, last] = [false, alone.finalState];
          }
          from = to;
        }
        expect(packed.finalState).toEqual(last);
      }),
      tries,
    ));

  test("gives every channel the same bits wherever it stands among the others", () =>
    fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 1 }), async (chosen) => {
        const inputs = randomInputs(op, small, { seed: 11, ranges: masked });
        const pick = (values: Float32Array, stride: number) =>
          Float32Array.from(
            Array.from({ length: values.length / stride / small.inner }, (_, row) =>
              chosen.map((e) => [
                ...values.subarray((row * small.inner + e) * stride, (row * small.inner + e + 1) * stride),
              ]),
            ).flat(2),
          );
        const whole = await run(op, small, inputs, silu);
        const part = await run(
          op,
          { ...small, inner: chosen.length },
          {
            ...inputs,
            x: pick(inputs.x, 1),
            weight: pick(inputs.weight, 4),
            bias: pick(inputs.bias, 1),
            initialState: pick(inputs.initialState, 3),
          },
          silu,
        );
        expect(part.y).toEqual(pick(whole.y, 1));
        expect(part.finalState).toEqual(pick(whole.finalState, 3));
      }),
      tries,
    ));

  test("is linear in x and the window together without activation and bias", () =>
    fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const inputs = randomInputs(op, small, { seed, without: ["bias", "mask", "seqIdx"] });
        const other = randomInputs(op, small, { seed: seed + 1 });
        const sum = (name: string) => inputs[name].map((value, i) => value + other[name][i]);
        const a = await run(op, small, inputs);
        const b = await run(op, small, { ...inputs, x: other.x, initialState: other.initialState });
        const both = await run(op, small, { ...inputs, x: sum("x"), initialState: sum("initialState") });
        expectClose(
          both.y,
          a.y.map((value, i) => value + b.y[i]),
          { relative: 1e-5, label: "y" },
        );
      }),
      tries,
    ));

  test("computes a sequence with the same bits whatever others are in the batch, in any order", () => {
    const sizes = { ...small, batch: 4 };
    const inputs = randomInputs(op, sizes, { seed: 7, ranges: masked });
    return fc.assert(
      fc.asyncProperty(someOf(4), (chosen) =>
        expectIndependent(run, { op, sizes, inputs, attributes: silu }, "batch", chosen),
      ),
      tries,
    );
  });

  test("with no steps hands the window on as it is", async () => {
    const sizes = { ...small, time: 0 };
    const inputs = randomInputs(op, sizes, { seed: 8, ...unmasked });
    const { y, finalState } = await run(op, sizes, inputs);
    expect(y).toEqual(new Float32Array());
    expect(finalState).toEqual(inputs.initialState);
  });

  test("carries a NaN through the window that holds it, in its channel alone", async () => {
    const sizes = { batch: 1, time: 9, inner: 3, width: 4 };
    const inputs = randomInputs(op, sizes, { seed: 9, ...unmasked });
    inputs.x[2 * 3 + 1] = NaN;
    const { y } = await run(op, sizes, inputs, silu);
    expect([...y].map(Number.isNaN)).toEqual([...y].map((_, i) => i % 3 === 1 && i >= 2 * 3 && i < 6 * 3));
  });
});

test("names what does not fit", () => {
  const device = new Device(new HostBackend());
  const x = device.zeros([1, 5, 3]);
  expect(() => op({ x, weight: device.zeros([4, 2]) })).toThrow(
    new TypeError('Cannot run "causal-conv1d": "inner" is 3 in x but 4 in weight'),
  );
  expect(() => op({ x, weight: device.zeros([3, 4]), initialState: device.zeros([1, 3, 4]) })).toThrow(
    new TypeError('Cannot run "causal-conv1d": "window" is 4 in initialState but must be 3'),
  );
  expect(() => op({ x, weight: device.zeros([3, 2]) }, { activation: "gelu" })).toThrow(
    new RangeError('Cannot run "causal-conv1d": activation is "gelu" but "none" or "silu" was needed'),
  );
});
