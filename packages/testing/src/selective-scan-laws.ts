import type { AnyOp, Port } from "@elapid/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";
import { cutOf, seeds, someOf, tries } from "./arbitraries.ts";
import type { Run } from "./backends.ts";
import { expectClose } from "./close.ts";
import { randomInputs, type Arrays, type Sizes } from "./inputs.ts";
import { expectIndependent, expectMatchesReference } from "./laws.ts";
import { scanSizes, type Forms } from "./scan-sizes.ts";

const ranges = { delta: [-4, 1], A: [-4, -0.1], mask: [1, 1], seqIdx: [0, 1] } as const;
const positive = { ...ranges, delta: [0.001, 0.1] } as const;
const attributes = { deltaSoftplus: true };
const unmasked = { ranges, without: ["mask", "seqIdx"] };

/** The laws that hold for selective scans, real or complex, whatever form `B` and `C` have. */
export function testSelectiveScanLaws(op: AnyOp, forms: Forms, run: Run): void {
  const sized = (sizes: Sizes) => scanSizes(sizes, forms);
  const small = sized({ batch: 2, time: 23, inner: 6, state: 4 });
  const isConstant = (name: "B" | "C") => forms[name] === "constant";
  const perStep = ["u", "delta", "z", ...(["B", "C"] as const).filter((name) => !isConstant(name))];

  /** The steps `from` to `to` of every sequence. */
  function steps(arrays: Arrays, { batch, time }: Sizes, from: number, to: number): Record<string, Float32Array> {
    return Object.fromEntries(
      Object.entries(arrays).map(([name, values]) => {
        if (![...perStep, "mask", "seqIdx", "y"].includes(name)) return [name, values];
        const width = values.length / (batch * time);
        const rows = Array.from({ length: batch }, (_, b) => [
          ...values.subarray((b * time + from) * width, (b * time + to) * width),
        ]);
        return [name, Float32Array.from(rows.flat())];
      }),
    );
  }

  test("is causal: changing an input from step k on leaves y before k unchanged", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: small.time - 1 }), fc.constantFrom(...perStep), async (k, name) => {
        const sizes = sized({ ...small, batch: 1 });
        const inputs = randomInputs(op, sizes, { seed: k, ...unmasked });
        const from = (k * inputs[name].length) / sizes.time;
        const changed = inputs[name].map((value, i) => (i < from ? value : value + 1));
        const before = await run(op, sizes, inputs, attributes);
        const after = await run(op, sizes, { ...inputs, [name]: changed }, attributes);
        expect(after.y.slice(0, k * sizes.inner)).toEqual(before.y.slice(0, k * sizes.inner));
      }),
      tries,
    ));

  test("a sequence cut anywhere, its state carried over, equals the whole", () =>
    fc.assert(
      fc.asyncProperty(cutOf(small.time), async (cut) => {
        const inputs = randomInputs(op, small, { seed: cut, ...unmasked });
        const whole = await run(op, small, inputs, attributes);
        const head = await run(op, sized({ ...small, time: cut }), steps(inputs, small, 0, cut), attributes);
        const rest = {
          ...steps(inputs, small, cut, small.time),
          initialState: cut === 0 ? inputs.initialState : head.finalState,
        };
        const tail = await run(op, sized({ ...small, time: small.time - cut }), rest, attributes);
        const last = cut === small.time ? head : tail;
        expectClose(head.y, steps(whole, small, 0, cut).y, { relative: 1e-5, label: "y before the cut" });
        expectClose(tail.y, steps(whole, small, cut, small.time).y, { relative: 1e-5, label: "y after the cut" });
        expectClose(last.finalState, whole.finalState, { relative: 1e-5, label: "finalState" });
      }),
      tries,
    ));

  test("token by token gives what the whole sequence gives", async () => {
    const sizes = sized({ batch: 2, time: 9, inner: 66, state: 16 });
    const inputs = randomInputs(op, sizes, { seed: 5, ...unmasked });
    const whole = await run(op, sizes, inputs, attributes);
    let initialState = inputs.initialState;
    for (let t = 0; t < sizes.time; t++) {
      const token = await run(
        op,
        sized({ ...sizes, time: 1 }),
        { ...steps(inputs, sizes, t, t + 1), initialState },
        attributes,
      );
      expectClose(token.y, steps(whole, sizes, t, t + 1).y, { relative: 1e-5, label: `y of step ${t}` });
      initialState = token.finalState;
    }
    expectClose(initialState, whole.finalState, { relative: 1e-5, label: "finalState" });
  });

  test("padding changes neither the other steps nor the state, wherever it stands", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: small.time, maxLength: small.time }),
        seeds,
        async (kept, seed) => {
          const sizes = sized({ ...small, batch: 1 });
          const mask = Float32Array.from(kept, Number);
          const inputs = randomInputs(op, sizes, { seed, ranges, without: ["seqIdx"] });
          const padded = await run(op, sizes, { ...inputs, mask }, attributes);
          const at = kept.flatMap((keep, t) => (keep ? [t] : []));
          const dense = Object.fromEntries(
            Object.entries(inputs).map(([name, values]) => {
              if (!perStep.includes(name)) return [name, values];
              const width = values.length / sizes.time;
              return [name, Float32Array.from(at.flatMap((t) => [...values.subarray(t * width, (t + 1) * width)]))];
            }),
          );
          const { mask: _, ...unpadded } = dense;
          const alone = await run(op, sized({ ...sizes, time: at.length }), unpadded, attributes);
          const { inner } = sizes;
          expectClose(
            at.flatMap((t) => [...padded.y.subarray(t * inner, (t + 1) * inner)]),
            alone.y,
            { relative: 1e-5, label: "y" },
          );
          expectClose(padded.finalState, alone.finalState, { relative: 1e-5, label: "finalState" });
          kept.forEach((keep, t) => {
            if (!keep) expect(padded.y.slice(t * inner, (t + 1) * inner)).toEqual(new Float32Array(inner));
          });
        },
      ),
      tries,
    ));

  test("whatever stands in padding is not looked at, NaN included", async () => {
    const sizes = sized({ ...small, batch: 1 });
    const mask = Float32Array.from({ length: sizes.time }, (_, t) => (t < 6 || t === 15 ? 0 : 1));
    const inputs = { ...randomInputs(op, sizes, { seed: 6, ranges, without: ["seqIdx"] }), mask };
    const spoilt = Object.fromEntries(
      Object.entries(inputs).map(([name, values]) => {
        if (!perStep.includes(name)) return [name, values];
        const width = values.length / sizes.time;
        return [name, values.map((value, i) => (mask[Math.floor(i / width)] === 0 ? NaN : value))];
      }),
    );
    expect(await run(op, sizes, spoilt, attributes)).toEqual(await run(op, sizes, inputs, attributes));
  });

  test("is linear in u and the state together when nothing gates it", () =>
    fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const inputs = randomInputs(op, small, { seed, ranges: positive, without: ["z", "mask", "deltaBias"] });
        const other = randomInputs(op, small, { seed: seed + 1 });
        const summed = {
          ...inputs,
          u: inputs.u.map((value, i) => value + 2 * other.u[i]),
          initialState: inputs.initialState.map((value, i) => value + 2 * other.initialState[i]),
        };
        const a = await run(op, small, inputs);
        const b = await run(op, small, { ...inputs, u: other.u, initialState: other.initialState });
        const both = await run(op, small, summed);
        for (const name of ["y", "finalState"]) {
          expectClose(
            both[name],
            a[name].map((value, i) => value + 2 * b[name][i]),
            { relative: 1e-5, label: name },
          );
        }
      }),
      tries,
    ));

  test("computes a sequence with the same bits whatever others are in the batch, in any order", () => {
    const sizes = sized({ ...small, batch: 4 });
    const along = ["batch", ...(["B", "C"] as const).filter((name) => !isConstant(name)).map((name) => `batch${name}`)];
    const inputs = randomInputs(op, sizes, { seed: 7, ranges: { ...ranges, mask: [0, 1] } });
    return fc.assert(
      fc.asyncProperty(someOf(4), (chosen) => expectIndependent(run, { op, sizes, inputs, attributes }, along, chosen)),
      tries,
    );
  });

  test("with no steps hands the state on as it is", async () => {
    const sizes = sized({ ...small, time: 0 });
    const inputs = randomInputs(op, sizes, { seed: 8, ...unmasked });
    const { y, finalState } = await run(op, sizes, inputs, attributes);
    expect(y).toEqual(new Float32Array());
    expect(finalState).toEqual(inputs.initialState);
    const { initialState: _, ...fresh } = inputs;
    expect((await run(op, sizes, fresh, attributes)).finalState).toEqual(inputs.initialState.fill(0));
  });

  test("keeps a NaN in its channel, from its step on", async () => {
    const sizes = sized({ ...small, batch: 1 });
    const inputs = randomInputs(op, sizes, { seed: 9, ...unmasked });
    inputs.u[7 * sizes.inner + 2] = NaN;
    const { y, finalState } = await run(op, sizes, inputs, attributes);
    const expected = Array.from(
      { length: sizes.time * sizes.inner },
      (_, i) => i % sizes.inner === 2 && i >= 7 * sizes.inner,
    );
    expect([...y].map(Number.isNaN)).toEqual(expected);
    expect([...finalState].map(Number.isNaN)).toEqual(
      [...finalState].map((_, i) => Math.floor(i / (finalState.length / sizes.inner)) === 2),
    );
  });

  test("keeps a NaN in A of one token in its channel, after a state and without one", async () => {
    const sizes = sized({ ...small, batch: 1, time: 1 });
    const inputs = randomInputs(op, sizes, { seed: 10, ...unmasked });
    inputs.A.fill(NaN, (2 * inputs.A.length) / sizes.inner, (3 * inputs.A.length) / sizes.inner);
    const { initialState: _, ...fresh } = inputs;
    for (const given of [inputs, fresh]) {
      const { y } = await run(op, sizes, given, attributes);
      expect([...y].map(Number.isNaN)).toEqual([false, false, true, false, false, false]);
    }
  });

  test("packed sequences have the results that they have by themselves", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        seeds,
        async (lengths, seed) => {
          const time = lengths.reduce((total, length) => total + length, 0);
          const sizes = sized({ ...small, batch: 1, time });
          const inputs = randomInputs(op, sizes, { seed, ...unmasked });
          const seqIdx = Float32Array.from(lengths.flatMap((length, i) => Array.from({ length }, () => 7 - i)));
          const packed = await run(op, sizes, { ...inputs, seqIdx }, attributes);
          let from = 0;
          for (const [i, length] of lengths.entries()) {
            const { initialState, ...alone } = steps(inputs, sizes, from, from + length);
            const { y, finalState } = await run(
              op,
              sized({ ...sizes, time: length }),
              i === 0 ? { ...alone, initialState } : alone,
              attributes,
            );
            const own = steps(packed, sizes, from, from + length).y;
            expectClose(own, y, { relative: 1e-5, label: `y of sequence ${i}` });
            from += length;
            if (from === time) expectClose(packed.finalState, finalState, { relative: 1e-5, label: "finalState" });
          }
        },
      ),
      tries,
    ));

  test("nothing of a packed sequence reaches the next one, NaN included", async () => {
    const sizes = sized({ ...small, batch: 1 });
    const seqIdx = Float32Array.from({ length: sizes.time }, (_, t) => Number(t >= 9));
    const { u, ...others } = randomInputs(op, sizes, { seed: 10, ...unmasked });
    const spoilt = { ...others, u: u.map((value, i) => (i < 9 * sizes.inner ? NaN : value)), seqIdx };
    const clean = await run(op, sizes, { ...others, u, seqIdx }, attributes);
    const { y, finalState } = await run(op, sizes, spoilt, attributes);
    expect(y.slice(9 * sizes.inner)).toEqual(clean.y.slice(9 * sizes.inner));
    expect(finalState).toEqual(clean.finalState);
  });

  test("channels in another order, of the same groups, give the same bits in that order", async () => {
    const sizes = sized({ ...small, inner: 8 });
    const inputs = randomInputs(op, sizes, { seed: 11, ranges: { ...ranges, mask: [0, 1] } });
    const reordered = (arrays: Arrays, ports: readonly Port[]) =>
      Object.fromEntries(
        Object.entries(arrays).map(([name, values]) => {
          const { names } = ports.find((port) => port.name === name)!.pattern;
          const axis = names.includes("inner") ? names.indexOf("inner") : isConstant(name as "B") ? 2 : -1;
          return [
            name,
            axis < 0
              ? values
              : swapped(
                  values,
                  names.slice(axis + 1).reduce((size, dim) => size * (dim === "complex" ? 2 : sizes[dim]), 1),
                ),
          ];
        }),
      );
    const expected = reordered(await run(op, sizes, inputs, attributes), op.outputs);
    expect(await run(op, sizes, reordered(inputs, op.inputs), attributes)).toEqual(expected);
  });

  test.each([1e-6, 1e-3, 1, 50])(
    "is right or loudly not at steps of %f, from slow to fast decays and large inputs",
    async (delta) => {
      for (const rate of [-1e-6, -1, -1e4]) {
        const inputs = randomInputs(op, small, {
          seed: 12,
          ranges: { ...ranges, delta: [delta / 2, delta], A: [rate, rate / 2], u: [-1e4, 1e4] },
          without: ["deltaBias"],
        });
        await expectMatchesReference(run, { op, sizes: small, inputs });
      }
    },
  );

  test("has the same bits twice", async () => {
    const inputs = randomInputs(op, small, { seed: 13, ranges });
    expect(await run(op, small, inputs, attributes)).toEqual(await run(op, small, inputs, attributes));
  });
}

/** Channels, of `size` values each, with the two of every pair in each other's place. */
function swapped(values: Float32Array, size: number): Float32Array {
  return values.map((_, i) => {
    const channel = Math.floor(i / size);
    return values[(channel % 2 === 0 ? channel + 1 : channel - 1) * size + (i % size)];
  });
}
