import { Device, HostBackend, sum, valueAndGrad, type Tensor } from "@elapid/tensor";
import {
  backends,
  expectClose,
  expectGolden,
  expectGoldenGradients,
  expectGradients,
  expectIndependent,
  expectMatchesReference,
  expectSameBitsOnThreads,
  goldenCases,
  randomInputs,
} from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { attention, attentionOp } from "./attention.ts";
import { attentionBackward } from "./attention.backward.ts";

const sizes = [
  { batch: 1, queries: 1, keys: 1, heads: 1, kvHeads: 1, headDim: 1, valueDim: 1 },
  { batch: 2, queries: 1, keys: 63, heads: 4, kvHeads: 2, headDim: 5, valueDim: 7 },
  { batch: 2, queries: 63, keys: 63, heads: 6, kvHeads: 2, headDim: 8, valueDim: 20 },
  { batch: 1, queries: 65, keys: 130, heads: 3, kvHeads: 1, headDim: 33, valueDim: 16 },
  { batch: 1, queries: 5, keys: 257, heads: 2, kvHeads: 2, headDim: 70, valueDim: 131 },
];
const call = (at: number, seed: number, firsts?: Firsts) => {
  const options = { seed, ranges: { mask: [1, 1] as const }, without: firsts === undefined ? ["first"] : [] };
  const inputs = randomInputs(attentionOp, sizes[at], options);
  const first = firsts && {
    first: Float32Array.from(inputs.first, (_, row) => firsts(row % sizes[at].queries, sizes[at])),
  };
  return { op: attentionOp, sizes: sizes[at], inputs: { ...inputs, ...first } };
};
/** The first key of a query, where there are some. */
type Firsts = (query: number, sizes: { readonly queries: number; readonly keys: number }) => number;
/** Packed sequences, the first of which goes on from cached keys; and a window of seven keys. */
const packed: Firsts = (i, { queries, keys }) => (i < 9 ? 0 : keys - queries + (i < 40 ? 9 : i < 41 ? 40 : 41));
const windowed: Firsts = (i, { queries, keys }) => Math.max(0, i + keys - queries - 6);
const cases = [
  ...sizes.flatMap((_, at) => [true, false].map((causal) => ({ at, causal, firsts: undefined }))),
  ...[1, 2, 3, 4].flatMap((at) => [packed, windowed].map((firsts) => ({ at, causal: true, firsts }))),
  { at: 2, causal: false, firsts: packed },
];

describe.each(backends())("attention on $name", ({ run, device }) => {
  test.each(cases)("matches the reference at size $at, causal $causal, $firsts.name", ({ at, causal, firsts }) =>
    expectMatchesReference(run, { ...call(at, 1, firsts), attributes: { causal, scale: 0.4 } }),
  );

  test.each(cases)(
    "gradient matches the reference at size $at, causal $causal, $firsts.name",
    async ({ at, causal, firsts }) => {
      const attributes = { causal, scale: 0.4 };
      const { inputs } = call(at, 2, firsts);
      const outputs = await run(attentionOp, sizes[at], inputs, attributes);
      const back = randomInputs(attentionBackward, sizes[at], { seed: 3, without: ["first"] });
      await expectMatchesReference(
        run,
        { op: attentionBackward, sizes: sizes[at], inputs: { ...back, ...inputs, ...outputs }, attributes },
        2e-5,
      );
    },
  );

  test("a row of a batch does not depend on the others", () =>
    expectIndependent(run, { ...call(2, 4), attributes: { causal: true, scale: 0.3 } }, "batch", [1]));

  test("queries give the same whether they come at once or in pieces, with the same bits if these are not small", async () => {
    const there = await device();
    using scope = there.scope();
    const { q, k, v } = tensors(there, 90);
    const whole = await attention(q, k, v).data();
    const piece = (from: number, to: number) =>
      attention(q.slice(1, from, to), k.slice(1, 0, to), v.slice(1, 0, to)).data();
    for (const [from, to] of [
      [0, 32],
      [32, 77],
      [77, 90],
    ]) {
      expect(await piece(from, to)).toEqual(whole.subarray(from * 12, to * 12));
    }
    for (const at of [0, 1, 17, 89]) {
      const one = await piece(at, at + 1);
      expectClose(one, whole.subarray(at * 12, (at + 1) * 12), { relative: 1e-6, label: `query ${at}` });
    }
    void scope;
  });

  test("what comes later is not looked at, NaN included, nor what is masked", async () => {
    const there = await device();
    using scope = there.scope();
    const { q, k, v } = tensors(there, 70);
    const whole = await attention(q, k, v).data();
    const spoilt = async (x: Tensor, from: number) => there.tensor((await x.data()).fill(NaN, from * 6), x.shape);
    const y = await attention(q, await spoilt(k, 66), await spoilt(v, 66)).data();
    expect(y.subarray(0, 66 * 12)).toEqual(whole.subarray(0, 66 * 12));
    expect([...y.subarray(66 * 12)].every(Number.isNaN)).toBe(true);

    const mask = there.tensor(Int32Array.from({ length: 70 }, (_, j) => Number(j < 66)));
    const seen = await attention(q, await spoilt(k, 66), await spoilt(v, 66), { mask: mask.reshape([1, 70]) }).data();
    const short = await attention(q.slice(1, 66, 70), k.slice(1, 0, 66), v.slice(1, 0, 66), { causal: false }).data();
    expectClose(seen.subarray(66 * 12), short, { relative: 1e-6, label: "y" });
    void scope;
  });

  test("packed sequences do not look at each other, NaN included, and nothing flows back", async () => {
    const there = await device();
    using scope = there.scope();
    const { q, k, v } = tensors(there, 70);
    const first = there.tensor(
      Int32Array.from({ length: 70 }, (_, i) => (i < 30 ? 0 : 30)),
      [1, 70],
    );
    const spoilt = async (x: Tensor) => there.tensor((await x.data()).fill(NaN, 0, 30 * 6), x.shape);
    const [k2, v2] = [await spoilt(k), await spoilt(v)];
    const y = await attention(q, k2, v2, { first }).data();
    const [q1, k1, v1] = [q, k, v].map((x) => x.slice(1, 30, 70));
    expectClose(y.subarray(30 * 12), await attention(q1, k1, v1).data(), { relative: 1e-6, label: "y" });
    const { gradients } = valueAndGrad(() => sum(attention(q, k2, v2, { first })), { q, k2, v2 });
    const alone = valueAndGrad(() => sum(attention(q1, k1, v1)), { q: q1, k2: k1, v2: v1 }).gradients;
    for (const name of ["q", "k2", "v2"] as const) {
      const got = await gradients[name].slice(1, 30, 70).data();
      expectClose(got, await alone[name].data(), { relative: 1e-5, label: name });
    }
    void scope;
  });

  test("a query that sees no key reads zeros; scores of a thousand do no harm", async () => {
    const there = await device();
    using scope = there.scope();
    const { q, k, v } = tensors(there, 5);
    const none = there.tensor(new Int32Array(5), [1, 5]);
    expect(await attention(q, k, v, { mask: none }).data()).toEqual(new Float32Array(60));
    const hard = await attention(q, k, v, { scale: 1e4 }).data();
    expect([...hard].every((value) => Math.abs(value) <= 1)).toBe(true);
    void scope;
  });
});

test("same bits on any number of threads with packed sequences", () =>
  expectSameBitsOnThreads({ ...call(3, 5, packed), attributes: { causal: true, scale: 0.3 } }));

describe.each(backends())("official attention on $name", ({ device }) => {
  const official = goldenCases("attention");
  test.each(official)("$id", async (golden) => expectGolden(await device(), golden));
  test.each(official)("gradients of $id", async (golden) => expectGoldenGradients(await device(), golden));
});

test("has the same bits on any number of threads", () =>
  expectSameBitsOnThreads({ ...call(2, 5), attributes: { causal: true, scale: 0.3 } }));

test("gradients agree with finite differences", () =>
  expectGradients({
    op: attentionOp,
    sizes: { batch: 2, queries: 3, keys: 5, heads: 4, kvHeads: 2, headDim: 3, valueDim: 2 },
    inputs: randomInputs(
      attentionOp,
      { batch: 2, queries: 3, keys: 5, heads: 4, kvHeads: 2, headDim: 3, valueDim: 2 },
      { seed: 6, ranges: { mask: [1, 1], first: [1, 1] } },
    ),
    attributes: { causal: true, scale: 0.7 },
  }));

test("misuse names the dimension", () => {
  using there = new Device(new HostBackend());
  const q = there.zeros([1, 3, 4, 2]);
  expect(() => attention(q, there.zeros([1, 3, 3, 2]), there.zeros([1, 3, 3, 2]))).toThrow(
    'Cannot run "attention": "heads" is 4 but a multiple of "kvHeads", 3, was needed',
  );
  expect(() => attention(q, there.zeros([1, 2, 2, 2]), there.zeros([1, 2, 2, 2]))).toThrow(
    'Cannot run "attention": "queries" is 3 but at most "keys", 2, was needed',
  );
});

function tensors(device: Device, time: number) {
  const shape = { batch: 1, queries: time, keys: time, heads: 4, kvHeads: 2, headDim: 3, valueDim: 3 };
  const { q, k, v } = randomInputs(attentionOp, shape, { seed: 7 });
  return {
    q: device.tensor(q, [1, time, 4, 3]),
    k: device.tensor(k, [1, time, 2, 3]),
    v: device.tensor(v, [1, time, 2, 3]),
  };
}
