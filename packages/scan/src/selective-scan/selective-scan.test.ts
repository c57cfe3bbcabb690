import {
  backends,
  cutOf,
  expectClose,
  expectGolden,
  expectIndependent,
  expectMatchesReference,
  goldenCases,
  randomInputs,
  scanSizes,
  seeds,
  someOf,
  tries,
  type Arrays,
  type Sizes,
} from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { selectiveScan, selectiveScanOp as op } from "./selective-scan.ts";

const ranges = { delta: [-4, 1], A: [-4, -0.1], mask: [1, 1] } as const;
const positive = { ...ranges, delta: [0.001, 0.1] } as const;
const small = scanSizes({ batch: 2, time: 23, inner: 5, state: 4 });
const attributes = { deltaSoftplus: true };
const unmasked = { ranges, without: ["mask", "seqIdx"] };

const shapes = [
  { batch: 1, time: 1, inner: 1, state: 1 },
  { batch: 2, time: 63, inner: 5, state: 16 }, // no size is a multiple of a workgroup or a vector
  { batch: 1, time: 257, inner: 63, state: 4 },
  { batch: 3, time: 1, inner: 257, state: 16 }, // one token: decoding
  { batch: 1, time: 33, inner: 7, state: 3 },
  { batch: 1, time: 9, inner: 66, state: 128 },
].map((sizes) => scanSizes(sizes));

/** The steps `from` to `to` of every sequence. */
function stepsOf(arrays: Arrays, { batch, time }: Sizes, from: number, to: number): Record<string, Float32Array> {
  const sequences = ["u", "delta", "B", "C", "z", "mask", "y"];
  return Object.fromEntries(
    Object.entries(arrays).map(([name, values]) => {
      if (!sequences.includes(name)) return [name, values];
      const width = values.length / (batch * time);
      const rows = Array.from({ length: batch }, (_, b) => [
        ...values.subarray((b * time + from) * width, (b * time + to) * width),
      ]);
      return [name, Float32Array.from(rows.flat())];
    }),
  );
}

describe.each(backends())("selectiveScan on $name", ({ run, device }) => {
  test.each([...goldenCases("selective_scan"), ...goldenCases("selective_state_update")])(
    "matches $reference: $id",
    async (golden) => expectGolden(await device(), golden),
  );

  describe.each(shapes)("at B$batch T$time E$inner N$state", (sizes) => {
    test("matches the reference with everything", () =>
      expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, { seed: 1, ranges: { ...ranges, mask: [0, 1] }, without: ["seqIdx"] }),
        attributes,
      }));

    test("matches the reference with nothing optional", () =>
      expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, {
          seed: 2,
          ranges: positive,
          without: ["D", "z", "deltaBias", "initialState", "mask", "seqIdx"],
        }),
      }));
  });

  test.each(["D", "z", "deltaBias", "initialState", "mask"])("matches the reference without %s", (left) =>
    expectMatchesReference(run, {
      op,
      sizes: small,
      inputs: randomInputs(op, small, { seed: 3, ranges, without: [left, "seqIdx"] }),
      attributes,
    }),
  );

  test("stays exact where steps are large and where they are tiny", async () => {
    for (const delta of [
      [15, 60],
      [-30, -12],
    ] as const) {
      const inputs = randomInputs(op, small, { seed: 4, ranges: { ...ranges, delta }, without: ["mask", "seqIdx"] });
      await expectMatchesReference(run, { op, sizes: small, inputs, attributes });
    }
  });

  test("is causal: changing an input from step k on leaves y before k unchanged", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: small.time - 1 }),
        fc.constantFrom("u", "delta", "B", "C", "z"),
        async (k, name) => {
          const sizes = scanSizes({ ...small, batch: 1 });
          const inputs = randomInputs(op, sizes, { seed: k, ...unmasked });
          const from = (k * inputs[name].length) / sizes.time;
          const changed = inputs[name].map((value, i) => (i < from ? value : value + 1));
          const before = await run(op, sizes, inputs, attributes);
          const after = await run(op, sizes, { ...inputs, [name]: changed }, attributes);
          expect(after.y.slice(0, k * sizes.inner)).toEqual(before.y.slice(0, k * sizes.inner));
        },
      ),
      tries,
    ));

  test("a sequence cut anywhere, its state carried over, equals the whole", () =>
    fc.assert(
      fc.asyncProperty(cutOf(small.time), async (cut) => {
        const inputs = randomInputs(op, small, { seed: cut, ...unmasked });
        const whole = await run(op, small, inputs, attributes);
        const head = await run(op, scanSizes({ ...small, time: cut }), stepsOf(inputs, small, 0, cut), attributes);
        const rest = {
          ...stepsOf(inputs, small, cut, small.time),
          initialState: cut === 0 ? inputs.initialState : head.finalState,
        };
        const tail = await run(op, scanSizes({ ...small, time: small.time - cut }), rest, attributes);
        const last = cut === small.time ? head : tail;
        expectClose(head.y, stepsOf(whole, small, 0, cut).y, { relative: 1e-5, label: "y before the cut" });
        expectClose(tail.y, stepsOf(whole, small, cut, small.time).y, { relative: 1e-5, label: "y after the cut" });
        expectClose(last.finalState, whole.finalState, { relative: 1e-5, label: "finalState" });
      }),
      tries,
    ));

  test("token by token gives what the whole sequence gives", async () => {
    const sizes = scanSizes({ batch: 2, time: 9, inner: 66, state: 16 });
    const inputs = randomInputs(op, sizes, { seed: 5, ...unmasked });
    const whole = await run(op, sizes, inputs, attributes);
    let initialState = inputs.initialState;
    for (let t = 0; t < sizes.time; t++) {
      const token = await run(
        op,
        scanSizes({ ...sizes, time: 1 }),
        { ...stepsOf(inputs, sizes, t, t + 1), initialState },
        attributes,
      );
      expectClose(token.y, stepsOf(whole, sizes, t, t + 1).y, { relative: 1e-5, label: `y of step ${t}` });
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
          const sizes = scanSizes({ ...small, batch: 1 });
          const mask = Float32Array.from(kept, Number);
          const inputs = randomInputs(op, sizes, { seed, ranges, without: ["seqIdx"] });
          const padded = await run(op, sizes, { ...inputs, mask }, attributes);
          const at = kept.flatMap((keep, t) => (keep ? [t] : []));
          const dense = Object.fromEntries(
            Object.entries(inputs).map(([name, values]) => {
              if (!["u", "delta", "B", "C", "z"].includes(name)) return [name, values];
              const width = values.length / sizes.time;
              return [name, Float32Array.from(at.flatMap((t) => [...values.subarray(t * width, (t + 1) * width)]))];
            }),
          );
          const { mask: _, ...unpadded } = dense;
          const alone = await run(op, scanSizes({ ...sizes, time: at.length }), unpadded, attributes);
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
    const sizes = scanSizes({ ...small, batch: 1 });
    const mask = Float32Array.from({ length: sizes.time }, (_, t) => (t < 6 || t === 15 ? 0 : 1));
    const inputs = { ...randomInputs(op, sizes, { seed: 6, ranges, without: ["seqIdx"] }), mask };
    const spoilt = Object.fromEntries(
      Object.entries(inputs).map(([name, values]) => {
        if (!["u", "delta", "B", "C", "z"].includes(name)) return [name, values];
        const width = values.length / sizes.time;
        return [name, values.map((value, i) => (mask[Math.floor(i / width)] === 0 ? NaN : value))];
      }),
    );
    expect(await run(op, sizes, spoilt, attributes)).toEqual(await run(op, sizes, inputs, attributes));
  });

  test("is linear in u and the state together when nothing gates it", () =>
    fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const inputs = randomInputs(op, small, { seed, ranges: positive, without: ["z", "mask", "seqIdx"] });
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
    const sizes = scanSizes({ ...small, batch: 4 });
    const inputs = randomInputs(op, sizes, { seed: 7, ranges: { ...ranges, mask: [0, 1] }, without: ["seqIdx"] });
    return fc.assert(
      fc.asyncProperty(someOf(4), (chosen) =>
        expectIndependent(run, { op, sizes, inputs, attributes }, ["batch", "batchB", "batchC"], chosen),
      ),
      tries,
    );
  });

  test("with no steps hands the state on as it is", async () => {
    const sizes = scanSizes({ ...small, time: 0 });
    const inputs = randomInputs(op, sizes, { seed: 8, ...unmasked });
    const { y, finalState } = await run(op, sizes, inputs, attributes);
    expect(y).toEqual(new Float32Array());
    expect(finalState).toEqual(inputs.initialState);
    const { initialState: _, ...fresh } = inputs;
    expect((await run(op, sizes, fresh, attributes)).finalState).toEqual(inputs.initialState.fill(0));
  });

  test("keeps a NaN in its channel, from its step on", async () => {
    const sizes = scanSizes({ ...small, batch: 1 });
    const inputs = randomInputs(op, sizes, { seed: 9, ...unmasked });
    inputs.u[7 * sizes.inner + 2] = NaN;
    const { y, finalState } = await run(op, sizes, inputs, attributes);
    const expected = Array.from(
      { length: sizes.time * sizes.inner },
      (_, i) => i % sizes.inner === 2 && i >= 7 * sizes.inner,
    );
    expect([...y].map(Number.isNaN)).toEqual(expected);
    expect([...finalState].map(Number.isNaN)).toEqual([...finalState].map((_, i) => Math.floor(i / sizes.state) === 2));
  });
});

test("names the dimension and both inputs that disagree", () => {
  const device = new Device(new HostBackend());
  const zeros = (...shape: number[]) => device.zeros(shape);
  const inputs = { u: zeros(1, 5, 3), delta: zeros(1, 5, 3), A: zeros(3, 2), B: zeros(1, 5, 2), C: zeros(1, 5, 2) };
  expect(() => selectiveScan({ ...inputs, delta: zeros(1, 4, 3) })).toThrow(
    new TypeError('Cannot run "selective-scan": "time" is 5 in u but 4 in delta'),
  );
  expect(() => selectiveScan({ ...inputs, A: zeros(2, 2) })).toThrow(
    new TypeError('Cannot run "selective-scan": "inner" is 3 in u but 2 in A'),
  );
  expect(() => selectiveScan({ ...inputs, C: zeros(1, 5, 4) })).toThrow(
    new TypeError('Cannot run "selective-scan": "state" is 2 in A but 4 in C'),
  );
  expect(() => selectiveScan({ ...inputs, initialState: zeros(1, 3) })).toThrow(
    new TypeError('Cannot run "selective-scan": initialState has shape [1, 3] but "batch inner state" was needed'),
  );
});
