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
  type Arrays,
  type Sizes,
} from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mamba3 as op } from "./mamba3.ts";

const ranges = {
  logDecay: [-1.5, -0.01],
  delta: [0.01, 1],
  trap: [-3, 3],
  angles: [-2, 2],
  initialAngle: [0, 6.28],
  mask: [0, 1],
  seqIdx: [0, 2],
} as const;
const small = { batch: 2, time: 19, heads: 4, headDim: 5, rank: 2, groups: 2, state: 6, pairs: 2 };
const one = { ...small, batch: 1 };
const optional = op.inputs.filter((port) => port.optional).map(({ name }) => name);
const sequences = ["x", "B", "C", "logDecay", "delta", "trap", "angles", "z", "mask", "seqIdx", "y"];
const initials = ["initialState", "initialB", "initialX", "initialAngle"];
const unpacked = { ranges, without: ["mask", "seqIdx"] };

const shapes = [
  { batch: 1, time: 1, heads: 1, headDim: 1, rank: 1, groups: 1, state: 1, pairs: 0 },
  { batch: 2, time: 63, heads: 3, headDim: 5, rank: 3, groups: 3, state: 7, pairs: 2 }, // no size is a multiple of a vector
  { batch: 1, time: 257, heads: 2, headDim: 4, rank: 1, groups: 1, state: 16, pairs: 8 },
  { batch: 2, time: 1, heads: 6, headDim: 33, rank: 2, groups: 2, state: 34, pairs: 17 }, // one token: decoding
  { batch: 1, time: 5, heads: 2, headDim: 64, rank: 4, groups: 1, state: 128, pairs: 32 }, // Mamba-3's own
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

/** What a sequence leaves behind, as what the next one starts from. */
function carried({ finalState, finalB, finalX, finalAngle }: Arrays): Record<string, Float32Array> {
  return { initialState: finalState, initialB: finalB, initialX: finalX, initialAngle: finalAngle };
}

/** The whole numbers `from` up to `to`. */
function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function without<T>(arrays: Readonly<Record<string, T>>, ...names: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(arrays).filter(([name]) => !names.includes(name)));
}

describe.each(backends())("mamba3 on $name", ({ run, device }) => {
  test.each([
    ...goldenCases("mamba3_siso"),
    ...goldenCases("mamba3_mimo"),
    ...goldenCases("mamba3_mimo_recurrent"),
    ...goldenCases("mamba3_rotary_step"),
    ...goldenCases("mamba3_state_update"),
  ])("matches $reference: $id", async (golden) => expectGolden(await device(), golden));

  describe.each(shapes)("at B$batch T$time H$heads P$headDim R$rank G$groups N$state A$pairs", (sizes) => {
    test.each(["pairwise", "halved"])("matches the reference with everything, %s", (rotation) => {
      const inputs = randomInputs(op, sizes, { seed: 1, ranges });
      return expectMatchesReference(run, { op, sizes, inputs, attributes: { rotation } });
    });

    test("matches the reference with nothing optional", () => {
      const inputs = randomInputs(op, sizes, { seed: 2, ranges, without: optional });
      return expectMatchesReference(run, { op, sizes, inputs, attributes: { wrapAngles: false, trapSigmoid: false } });
    });
  });

  test.each(optional)("matches the reference without %s", (left) => {
    const inputs = randomInputs(op, small, { seed: 3, ranges, without: [left] });
    return expectMatchesReference(run, { op, sizes: small, inputs });
  });

  test("is causal: changing an input from step k on leaves y before k unchanged", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: one.time - 1 }),
        fc.constantFrom("x", "B", "C", "logDecay", "delta", "trap", "angles", "z"),
        async (k, name) => {
          const inputs = randomInputs(op, one, { seed: k, ranges });
          const from = (k * inputs[name].length) / one.time;
          const changed = inputs[name].map((value, i) => (i < from ? value : value + 1));
          const before = await run(op, one, inputs);
          const after = await run(op, one, { ...inputs, [name]: changed });
          const end = k * one.heads * one.headDim;
          expect(after.y.slice(0, end)).toEqual(before.y.slice(0, end));
        },
      ),
      tries,
    ));

  test("a sequence cut anywhere, its four states carried over, equals the whole", () =>
    fc.assert(
      fc.asyncProperty(cutOf(small.time), fc.constantFrom("pairwise", "halved"), async (cut, rotation) => {
        const inputs = randomInputs(op, small, { seed: cut, ...unpacked });
        const [first, second] = [range(0, cut), range(cut, small.time)];
        const whole = await run(op, small, inputs, { rotation });
        const head = await run(op, { ...small, time: cut }, stepsOf(inputs, small, first), { rotation });
        const rest = { ...stepsOf(inputs, small, second), ...carried(head) };
        const tail = await run(op, { ...small, time: small.time - cut }, rest, { rotation });
        expectClose(head.y, stepsOf(whole, small, first).y, { relative: 1e-5, label: "y before the cut" });
        expectClose(tail.y, stepsOf(whole, small, second).y, { relative: 1e-5, label: "y after the cut" });
        for (const name of ["finalState", "finalB", "finalX", "finalAngle"]) {
          expectClose(tail[name], whole[name], { relative: 1e-5, label: name });
        }
      }),
      tries,
    ));

  test("token by token gives what the whole sequence gives", async () => {
    const inputs = randomInputs(op, small, { seed: 5, ...unpacked });
    const whole = await run(op, small, inputs);
    let states: Arrays = Object.fromEntries(initials.map((name) => [name, inputs[name]]));
    for (let t = 0; t < small.time; t++) {
      const result = await run(op, { ...small, time: 1 }, { ...stepsOf(inputs, small, [t]), ...states });
      expectClose(result.y, stepsOf(whole, small, [t]).y, { relative: 1e-5, label: `y of step ${t}` });
      states = carried(result);
    }
    const expected = carried(whole);
    for (const name of initials) expectClose(states[name], expected[name], { relative: 1e-5, label: name });
  });

  test("packed sequences have the bits that they have alone", () =>
    fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: one.time - 1 }), { maxLength: 4 }), async (cuts) => {
        const bounds = [0, ...cuts.toSorted((a, b) => a - b), one.time];
        // ids may come again, as long as neighbours differ
        const seqIdx = Float32Array.from(range(0, one.time), (t) => cuts.filter((cut) => cut <= t).length % 2);
        const inputs = { ...randomInputs(op, one, { seed: cuts.length, ...unpacked }), seqIdx };
        const packed = await run(op, one, inputs);
        for (const [i, start] of bounds.slice(0, -1).entries()) {
          const steps = range(start, bounds[i + 1]);
          const own = stepsOf(inputs, one, steps);
          const given = i === 0 ? without(own, "seqIdx") : without(own, "seqIdx", ...initials);
          const alone = await run(op, { ...one, time: steps.length }, given);
          expect(stepsOf(packed, one, steps).y).toEqual(alone.y);
          if (i === bounds.length - 2) expect(carried(packed)).toEqual(carried(alone));
        }
      }),
      tries,
    ));

  test("padding changes neither the other steps nor the states, wherever it stands and whatever it holds", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: one.time, maxLength: one.time }),
        seeds,
        async (kept, seed) => {
          const inputs = randomInputs(op, one, { seed, ranges });
          const spoilt = Object.entries(inputs).map(([name, values]) => {
            if (!sequences.includes(name)) return [name, values];
            const width = values.length / one.time;
            const padding = name === "seqIdx" ? 7 : NaN;
            return [name, values.map((value, i) => (kept[Math.floor(i / width)] ? value : padding))];
          });
          const mask = Float32Array.from(kept, Number);
          const padded = await run(op, one, { ...Object.fromEntries(spoilt), mask });
          const steps = range(0, one.time).filter((t) => kept[t]);
          const alone = await run(op, { ...one, time: steps.length }, without(stepsOf(inputs, one, steps), "mask"));
          expect(stepsOf(padded, one, steps).y).toEqual(alone.y);
          expect(carried(padded)).toEqual(carried(alone));
          const ignored = range(0, one.time).filter((t) => !kept[t]);
          expect(stepsOf(padded, one, ignored).y).toEqual(new Float32Array(ignored.length * one.heads * one.headDim));
        },
      ),
      tries,
    ));

  test("is linear in x where nothing is normalised and a sequence starts from nothing", () =>
    fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: -4, max: 4 }), async (seed, factor) => {
        const inputs = randomInputs(op, one, { seed, ranges, without: ["normWeight", ...initials] });
        const { x: other } = randomInputs(op, one, { seed: seed + 1, ranges });
        const mixed = { ...inputs, x: inputs.x.map((value, i) => value + factor * other[i]) };
        const [first, second] = [await run(op, one, inputs), await run(op, one, { ...inputs, x: other })];
        const sum = await run(op, one, mixed);
        for (const name of ["y", "finalState", "finalX"]) {
          const expected = first[name].map((value, i) => value + factor * second[name][i]);
          expectClose(sum[name], expected, { relative: 1e-4, label: name });
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
        const expected = permuteHeads(op.outputs, await run(op, sizes, inputs), sizes, order);
        expect(await run(op, sizes, permuted)).toEqual(expected);
      }),
      tries,
    ));

  test("ranks in another order give the same but for rounding", async () => {
    const inputs = randomInputs(op, small, { seed: 6, ...unpacked });
    const swapped = permute(op.inputs, inputs, small, ["rank"], [1, 0]);
    const [expected, actual] = [await run(op, small, inputs), await run(op, small, swapped)];
    for (const name of ["y", "finalState"]) expectClose(actual[name], expected[name], { relative: 1e-5, label: name });
  });

  test("halved is pairwise with the numbers of every pair side by side", async () => {
    const inputs = randomInputs(op, small, { seed: 7, ...unpacked });
    const order = range(0, small.state).map((n) => Math.floor(n / 2) + (n % 2) * (small.state / 2));
    const sideBySide = permute(op.inputs, inputs, small, ["state"], order);
    const halved = await run(op, small, inputs, { rotation: "halved" });
    const pairwise = await run(op, small, sideBySide, { rotation: "pairwise" });
    const expected = permute(op.outputs, halved, small, ["state"], order);
    for (const name in expected) expectClose(pairwise[name], expected[name], { relative: 1e-6, label: name });
  });

  test("whole turns of theta change nothing else", async () => {
    const inputs = randomInputs(op, small, { seed: 8, ranges: { ...ranges, angles: [2, 4] }, without: ["seqIdx"] });
    const wrapped = await run(op, small, inputs);
    const unwrapped = await run(op, small, inputs, { wrapAngles: false });
    for (const name of ["y", "finalState", "finalB", "finalX"]) {
      expectClose(wrapped[name], unwrapped[name], { relative: 1e-5, label: name });
    }
    expect(Math.max(...unwrapped.finalAngle)).toBeGreaterThan(2 * Math.PI);
    for (const [i, angle] of wrapped.finalAngle.entries()) {
      expect(angle).toBeGreaterThanOrEqual(0);
      expect(angle).toBeLessThan(2 * Math.PI);
      const turns = (unwrapped.finalAngle[i] - angle) / (2 * Math.PI);
      expect(turns).toBeCloseTo(Math.round(turns), 5);
    }
  });

  test("computes a sequence with the same bits whatever others are in the batch, in any order", () => {
    const sizes = { ...small, batch: 4 };
    const inputs = randomInputs(op, sizes, { seed: 9, ranges });
    return fc.assert(
      fc.asyncProperty(someOf(4), (chosen) => expectIndependent(run, { op, sizes, inputs }, "batch", chosen)),
      tries,
    );
  });

  test("with no steps hands the states on as they are", async () => {
    const sizes = { ...small, time: 0 };
    const inputs = randomInputs(op, sizes, { seed: 10, ranges });
    const result = await run(op, sizes, inputs);
    expect(result.y).toEqual(new Float32Array());
    for (const [name, values] of Object.entries(carried(result))) expect(values).toEqual(inputs[name]);
    const fresh = carried(await run(op, sizes, without(inputs, ...initials)));
    for (const name of initials) expect(fresh[name]).toEqual(new Float32Array(inputs[name].length));
  });

  test("keeps a NaN in its channel, from its step to the end of its packed sequence", async () => {
    const seqIdx = Float32Array.from(range(0, one.time), (t) => (t < 12 ? 0 : 1));
    const inputs = randomInputs(op, one, { seed: 11, ranges, without: ["mask", "normWeight"] });
    const width = one.heads * one.headDim;
    inputs.x[7 * width + 2] = NaN;
    const { y, finalState } = await run(op, one, { ...inputs, seqIdx });
    const expected = Array.from(y, (_, i) => i % width === 2 && i >= 7 * width && i < 12 * width);
    expect([...y].map(Number.isNaN)).toEqual(expected);
    expect([...finalState].some(Number.isNaN)).toBe(false);
  });
});

/** Arrays whose entries along any of `dims` are taken in another order. */
function permute(
  ports: typeof op.inputs,
  arrays: Arrays,
  sizes: Sizes,
  dims: readonly string[],
  order: readonly number[],
): Record<string, Float32Array> {
  const present = ports.filter(({ name }) => arrays[name] !== undefined);
  return Object.fromEntries(
    present.map(({ name, pattern: { names } }) => {
      const axis = names.findIndex((dim) => dims.includes(dim));
      if (axis === -1) return [name, arrays[name]];
      const inner = names.slice(axis + 1).reduce((product, dim) => product * sizes[dim], 1);
      const values = arrays[name].map((_, i) => {
        const at = Math.floor(i / inner) % order.length;
        return arrays[name][i + (order[at] - at) * inner];
      });
      return [name, values];
    }),
  );
}

/** Arrays whose heads, or the groups that stand for them, are taken in another order. */
function permuteHeads(ports: typeof op.inputs, arrays: Arrays, sizes: Sizes, order: readonly number[]) {
  return permute(ports, arrays, sizes, ["heads", "groups"], order);
}

describe("misuse", () => {
  const device = new Device(new HostBackend());
  const zeros = (...shape: number[]) => device.zeros(shape);
  const inputs = {
    x: zeros(1, 5, 4, 3),
    B: zeros(1, 5, 2, 2, 6),
    C: zeros(1, 5, 2, 2, 6),
    logDecay: zeros(1, 5, 4),
    delta: zeros(1, 5, 4),
    trap: zeros(1, 5, 4),
    angles: zeros(1, 5, 4, 3),
  };

  test("names the dimension and both inputs that disagree", () => {
    expect(() => op({ ...inputs, trap: zeros(1, 4, 4) })).toThrow(
      new TypeError('Cannot run "mamba3": "time" is 5 in x but 4 in trap'),
    );
    expect(() => op({ ...inputs, CBias: zeros(4, 1, 6) })).toThrow(
      new TypeError('Cannot run "mamba3": "rank" is 2 in B but 1 in CBias'),
    );
    expect(() => op({ ...inputs, initialAngle: zeros(1, 4, 2) })).toThrow(
      new TypeError('Cannot run "mamba3": "pairs" is 3 in angles but 2 in initialAngle'),
    );
  });

  test("names groups that do not divide the heads, pairs that are too many, and a rotation that is none", () => {
    expect(() => op({ ...inputs, B: zeros(1, 5, 2, 3, 6), C: zeros(1, 5, 2, 3, 6) })).toThrow(
      new RangeError('Cannot run "mamba3": "heads" is 4 but a multiple of "groups", 3, was needed'),
    );
    expect(() => op({ ...inputs, angles: zeros(1, 5, 4, 4) })).toThrow(
      new RangeError('Cannot run "mamba3": "state" is 6 but twice "pairs", 8, was needed'),
    );
    expect(() => op(inputs, { rotation: "full" })).toThrow(
      new RangeError('Cannot run "mamba3": rotation is "full" but "pairwise" or "halved" was needed'),
    );
  });
});
