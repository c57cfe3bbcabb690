import {
  backends,
  cutOf,
  expectClose,
  expectGolden,
  expectIndependent,
  expectMatchesReference,
  expectSameBitsOnThreads,
  goldenCases,
  randomInputs,
  seeds,
  someOf,
  tries,
  type Arrays,
  type Sizes,
} from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ssd as op } from "./ssd.ts";

const ranges = { delta: [-3, 1], A: [-2, -0.1], logDecay: [-1, 0], mask: [0, 1], seqIdx: [0, 2] } as const;
const bounds = { deltaSoftplus: true, deltaMin: 0.06, deltaMax: 1.2 };
const small = { batch: 2, time: 39, heads: 4, headDim: 5, groups: 2, state: 3 };
const one = { ...small, batch: 1 };
const optional = ["D", "channelD", "z", "deltaBias", "logDecay", "initialState", "mask", "seqIdx"];
const sequences = ["u", "delta", "B", "C", "z", "logDecay", "mask", "seqIdx", "y"];
const unpacked = { ranges, without: ["mask", "seqIdx"] };

const shapes = [
  { batch: 1, time: 1, heads: 1, headDim: 1, groups: 1, state: 1 },
  { batch: 2, time: 63, heads: 3, headDim: 5, groups: 3, state: 7 }, // no size is a multiple of a vector
  { batch: 1, time: 257, heads: 2, headDim: 4, groups: 1, state: 16 },
  { batch: 2, time: 1, heads: 6, headDim: 63, groups: 2, state: 65 }, // one token: decoding
  { batch: 1, time: 33, heads: 2, headDim: 64, groups: 1, state: 128 }, // Mamba-2's own
];

/** The steps at `kept` of every sequence. */
function stepsOf(arrays: Arrays, { batch, time }: Sizes, kept: readonly number[]): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, values]) => {
      if (!sequences.includes(name)) return [name, values];
      const width = values.length / (batch * time);
      const rows = Array.from({ length: batch }, (_, b) =>
        kept.flatMap((t) => [...values.subarray((b * time + t) * width, (b * time + t + 1) * width)]),
      );
      return [name, Float32Array.from(rows.flat())];
    }),
  );
}

/** What `ssd` is linear in. */
function pick({ u, initialState }: Arrays): Record<string, Float32Array> {
  return { u, initialState };
}

/** The whole numbers `from` up to `to`. */
function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function without<T>(arrays: Readonly<Record<string, T>>, ...names: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(arrays).filter(([name]) => !names.includes(name)));
}

const chunked = backends().flatMap((backend) => [0, 7].map((chunkSize) => ({ ...backend, chunkSize })));

describe.each(chunked)("ssd on $name in chunks of $chunkSize", ({ run, device, chunkSize }) => {
  const attributes = { ...bounds, chunkSize };

  test.each([...goldenCases("ssd_chunk_scan"), ...goldenCases("ssd_minimal")])(
    "matches $reference: $id",
    async (golden) => expectGolden(await device(), golden),
  );

  describe.each(shapes)("at B$batch T$time H$heads P$headDim G$groups N$state", (sizes) => {
    test("matches the reference with everything", () =>
      expectMatchesReference(run, { op, sizes, inputs: randomInputs(op, sizes, { seed: 1, ranges }), attributes }));

    test("matches the reference with nothing optional", () =>
      expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, { seed: 2, ranges: { ...ranges, delta: [0.001, 0.1] }, without: optional }),
        attributes: { chunkSize },
      }));
  });

  test.each(optional)("matches the reference without %s", (left) =>
    expectMatchesReference(run, {
      op,
      sizes: small,
      inputs: randomInputs(op, small, { seed: 3, ranges, without: [left] }),
      attributes,
    }),
  );

  test.each([
    { delta: [1e-6, 1e-5], A: [-1e-5, -1e-6], u: [-1, 1] },
    { delta: [10, 50], A: [-1e4, -1e3], u: [-1, 1] },
    { delta: [1e-6, 50], A: [-1e4, -1e-6], u: [-1e4, 1e4] },
  ] as const)("stays exact with delta in $delta, A in $A and u in $u", (extreme) => {
    const inputs = randomInputs(op, small, { seed: 4, ranges: { ...ranges, ...extreme }, without: ["deltaBias"] });
    return expectMatchesReference(run, { op, sizes: small, inputs, attributes: { chunkSize } });
  });

  test("is causal: changing an input from step k on leaves y before k unchanged", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: one.time - 1 }),
        fc.constantFrom("u", "delta", "B", "C", "z", "logDecay"),
        async (k, name) => {
          const inputs = randomInputs(op, one, { seed: k, ranges });
          const from = (k * inputs[name].length) / one.time;
          const changed = inputs[name].map((value, i) => (i < from ? value : value + 1));
          const before = await run(op, one, inputs, attributes);
          const after = await run(op, one, { ...inputs, [name]: changed }, attributes);
          const end = k * one.heads * one.headDim;
          expect(after.y.slice(0, end)).toEqual(before.y.slice(0, end));
        },
      ),
      tries,
    ));

  test("a sequence cut anywhere, its state carried over, equals the whole", () =>
    fc.assert(
      fc.asyncProperty(cutOf(small.time), async (cut) => {
        const inputs = randomInputs(op, small, { seed: cut, ...unpacked });
        const [first, second] = [range(0, cut), range(cut, small.time)];
        const whole = await run(op, small, inputs, attributes);
        const head = await run(op, { ...small, time: cut }, stepsOf(inputs, small, first), attributes);
        const rest = { ...stepsOf(inputs, small, second), initialState: head.finalState };
        const tail = await run(op, { ...small, time: small.time - cut }, rest, attributes);
        expectClose(head.y, stepsOf(whole, small, first).y, { relative: 1e-5, label: "y before the cut" });
        expectClose(tail.y, stepsOf(whole, small, second).y, { relative: 1e-5, label: "y after the cut" });
        expectClose(tail.finalState, whole.finalState, { relative: 1e-5, label: "finalState" });
      }),
      tries,
    ));

  test("token by token gives what the whole sequence gives", async () => {
    const inputs = randomInputs(op, small, { seed: 5, ...unpacked });
    const whole = await run(op, small, inputs, attributes);
    let initialState = inputs.initialState;
    for (let t = 0; t < small.time; t++) {
      const token = { ...stepsOf(inputs, small, [t]), initialState };
      const { y, finalState } = await run(op, { ...small, time: 1 }, token, attributes);
      expectClose(y, stepsOf(whole, small, [t]).y, { relative: 1e-5, label: `y of step ${t}` });
      initialState = finalState;
    }
    expectClose(initialState, whole.finalState, { relative: 1e-5, label: "finalState" });
  });

  test("packed sequences give what they give alone", () =>
    fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: one.time - 1 }), { maxLength: 4 }), async (cuts) => {
        const bounds = [0, ...cuts.toSorted((a, b) => a - b), one.time];
        // ids may come again, as long as neighbours differ
        const seqIdx = Float32Array.from(range(0, one.time), (t) => cuts.filter((cut) => cut <= t).length % 2);
        const inputs = { ...randomInputs(op, one, { seed: cuts.length, ...unpacked }), seqIdx };
        const packed = await run(op, one, inputs, attributes);
        for (const [i, start] of bounds.slice(0, -1).entries()) {
          const steps = range(start, bounds[i + 1]);
          const own = stepsOf(inputs, one, steps);
          const given = i === 0 ? without(own, "seqIdx") : without(own, "seqIdx", "initialState");
          const alone = await run(op, { ...one, time: steps.length }, given, attributes);
          expectClose(stepsOf(packed, one, steps).y, alone.y, { relative: 1e-5, label: `y of sequence ${i}` });
          if (i < bounds.length - 2) continue;
          expectClose(packed.finalState, alone.finalState, { relative: 1e-5, label: "finalState" });
        }
      }),
      tries,
    ));

  test("padding changes neither the other steps nor the state, wherever it stands and whatever it holds", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: one.time, maxLength: one.time }),
        seeds,
        async (kept, seed) => {
          const inputs = randomInputs(op, one, { seed, ranges });
          const spoilt = Object.entries(inputs).map(([name, values]) => {
            if (!["u", "delta", "B", "C", "z", "logDecay", "seqIdx"].includes(name)) return [name, values];
            const width = values.length / one.time;
            const padding = name === "seqIdx" ? 7 : NaN;
            return [name, values.map((value, i) => (kept[Math.floor(i / width)] ? value : padding))];
          });
          const mask = Float32Array.from(kept, Number);
          const padded = await run(op, one, { ...Object.fromEntries(spoilt), mask }, attributes);
          const steps = range(0, one.time).filter((t) => kept[t]);
          const dense = without(stepsOf(inputs, one, steps), "mask");
          const alone = await run(op, { ...one, time: steps.length }, dense, attributes);
          expectClose(stepsOf(padded, one, steps).y, alone.y, { relative: 1e-5, label: "y" });
          expectClose(padded.finalState, alone.finalState, { relative: 1e-5, label: "finalState" });
          const ignored = range(0, one.time).filter((t) => !kept[t]);
          const width = one.heads * one.headDim;
          expect(stepsOf(padded, one, ignored).y).toEqual(new Float32Array(ignored.length * width));
        },
      ),
      tries,
    ));

  test("gives the same for any size of chunk", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2 * small.time }), seeds, async (size, seed) => {
        const inputs = randomInputs(op, small, { seed, ranges });
        const expected = await run(op, small, inputs, attributes);
        const actual = await run(op, small, inputs, { ...bounds, chunkSize: size });
        for (const name in expected) expectClose(actual[name], expected[name], { relative: 1e-5, label: name });
      }),
      tries,
    ));

  test("is linear in u and the initial state", () =>
    fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const [first, second] = [seed, seed + 1].map((each) => randomInputs(op, small, { seed: each, ranges }));
        const added = (name: string) => first[name].map((value, i) => value + second[name][i]);
        const inputs = { ...second, ...without(first, "u", "initialState") };
        const sum = { ...inputs, u: added("u"), initialState: added("initialState") };
        const [a, b, both] = await Promise.all(
          [{ ...inputs, ...pick(first) }, { ...inputs, ...pick(second) }, sum].map((each) =>
            run(op, small, each, attributes),
          ),
        );
        for (const name in both) {
          const expected = a[name].map((value, i) => value + b[name][i]);
          expectClose(both[name], expected, { relative: 1e-5, label: name });
        }
      }),
      tries,
    ));

  test("heads in another order give the same in that order", () =>
    fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(range(0, 4), { minLength: 4 }), seeds, async (order, seed) => {
        const sizes = { ...small, heads: 4, groups: 4 };
        const inputs = randomInputs(op, sizes, { seed, ranges });
        const permuted = permuteHeads(op.inputs, inputs, sizes, order);
        const expected = permuteHeads(op.outputs, await run(op, sizes, inputs, attributes), sizes, order);
        expect(await run(op, sizes, permuted, attributes)).toEqual(expected);
      }),
      tries,
    ));

  test("computes a sequence with the same bits whatever others are in the batch, in any order", () => {
    const sizes = { ...small, batch: 4 };
    const inputs = randomInputs(op, sizes, { seed: 7, ranges });
    return fc.assert(
      fc.asyncProperty(someOf(4), (chosen) =>
        expectIndependent(run, { op, sizes, inputs, attributes }, "batch", chosen),
      ),
      tries,
    );
  });

  test("with no steps hands the state on as it is", async () => {
    const sizes = { ...small, time: 0 };
    const inputs = randomInputs(op, sizes, { seed: 8, ranges });
    const { y, finalState } = await run(op, sizes, inputs, attributes);
    expect(y).toEqual(new Float32Array());
    expect(finalState).toEqual(inputs.initialState);
    const fresh = await run(op, sizes, without(inputs, "initialState"), attributes);
    expect(fresh.finalState).toEqual(inputs.initialState.fill(0));
  });

  test("keeps a NaN in its channel, from its step to the end of its packed sequence", async () => {
    const seqIdx = Float32Array.from(range(0, one.time), (t) => (t < 12 ? 0 : 1));
    const inputs = randomInputs(op, one, { seed: 9, ...unpacked });
    const width = one.heads * one.headDim;
    inputs.u[7 * width + 2] = NaN;
    const { y, finalState } = await run(op, one, { ...inputs, seqIdx }, attributes);
    const expected = Array.from(y, (_, i) => i % width === 2 && i >= 7 * width && i < 12 * width);
    expect([...y].map(Number.isNaN)).toEqual(expected);
    expect([...finalState].some(Number.isNaN)).toBe(false);
  });
});

/** Arrays whose heads, or the groups that stand for them, are taken in another order. */
function permuteHeads(
  ports: typeof op.inputs,
  arrays: Arrays,
  sizes: Sizes,
  order: readonly number[],
): Record<string, Float32Array> {
  return Object.fromEntries(
    ports.map(({ name, pattern: { names } }) => {
      const axis = names.findIndex((dim) => dim === "heads" || dim === "groups");
      if (axis === -1) return [name, arrays[name]];
      const inner = names.slice(axis + 1).reduce((product, dim) => product * sizes[dim], 1);
      const values = arrays[name].map((_, i) => {
        const head = Math.floor(i / inner) % order.length;
        return arrays[name][i + (order[head] - head) * inner];
      });
      return [name, values];
    }),
  );
}

test("ssd in chunks has the same bits on any number of threads", () => {
  const sizes = { batch: 2, time: 65, heads: 6, headDim: 32, groups: 2, state: 16 };
  const inputs = randomInputs(op, sizes, { seed: 8, ranges });
  return expectSameBitsOnThreads({ op, sizes, inputs, attributes: { ...bounds, chunkSize: 24 } });
});

describe("misuse", () => {
  const device = new Device(new HostBackend());
  const zeros = (...shape: number[]) => device.zeros(shape);
  const inputs = {
    u: zeros(1, 5, 4, 3),
    delta: zeros(1, 5, 4),
    A: zeros(4),
    B: zeros(1, 5, 2, 6),
    C: zeros(1, 5, 2, 6),
  };

  test("names the dimension and both inputs that disagree", () => {
    expect(() => op({ ...inputs, delta: zeros(1, 4, 4) })).toThrow(
      new TypeError('Cannot run "ssd": "time" is 5 in u but 4 in delta'),
    );
    expect(() => op({ ...inputs, A: zeros(3) })).toThrow(
      new TypeError('Cannot run "ssd": "heads" is 4 in u but 3 in A'),
    );
    expect(() => op({ ...inputs, C: zeros(1, 5, 4, 6) })).toThrow(
      new TypeError('Cannot run "ssd": "groups" is 2 in B but 4 in C'),
    );
    expect(() => op({ ...inputs, channelD: zeros(4, 2) })).toThrow(
      new TypeError('Cannot run "ssd": "headDim" is 3 in u but 2 in channelD'),
    );
  });

  test("names groups that do not divide the heads, and bounds that hold nothing", () => {
    expect(() => op({ ...inputs, B: zeros(1, 5, 3, 6), C: zeros(1, 5, 3, 6) })).toThrow(
      new RangeError('Cannot run "ssd": "heads" is 4 but a multiple of "groups", 3, was needed'),
    );
    expect(() => op(inputs, { chunkSize: 1.5 })).toThrow(
      new RangeError('Cannot run "ssd": chunkSize is 1.5 but a whole number from 0 on was needed'),
    );
    expect(() => op(inputs, { deltaMin: 2, deltaMax: 1 })).toThrow(
      new RangeError('Cannot run "ssd": deltaMin is 2 but at most deltaMax, 1, was needed'),
    );
  });
});
