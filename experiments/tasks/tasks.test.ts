import { randomSource } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { associativeRecall } from "./associative-recall.ts";
import { copying } from "./copying.ts";
import { batchOf, distinct, GeneratedBatches, IGNORED, type Task } from "./generated-batches.ts";
import { inductionHeads } from "./induction-heads.ts";
import { MixedBatches } from "./mixed-batches.ts";

const tasks: Readonly<Record<string, Task>> = {
  "plain copying": copying({ length: 20, count: 5, values: 6, spacing: "fixed" }),
  "selective copying": copying({ length: 20, count: 5, values: 6, spacing: "random" }),
  "copying without blanks": copying({ length: 5, count: 5, values: 6, spacing: "fixed" }),
  "induction heads": inductionHeads({ length: 24, values: 7 }),
  "associative recall": associativeRecall({ pairs: 4, keys: 9, values: 3 }),
};

describe.each(Object.entries(tasks))("%s", (_, task) => {
  test("tokens and answers are in the vocabulary, and there is something to answer", () =>
    fc.assert(
      fc.property(fc.nat(1e6), (seed) => {
        const { ids, labels } = task.example(randomSource(seed));
        expect([ids.length, labels.length]).toEqual([task.time, task.time]);
        expect(ids.every((id) => id >= 0 && id < task.vocabSize)).toBe(true);
        expect(labels.every((label) => label === IGNORED || (label >= 0 && label < task.vocabSize))).toBe(true);
        expect(labels.some((label) => label !== IGNORED)).toBe(true);
      }),
    ));

  test("batches follow from seed and position, and differ between them", () => {
    const data = new GeneratedBatches(task, { batch: 4, seed: 3 });
    const [first, second] = [data.next(), data.next()];
    expect(first.ids).not.toEqual(second.ids);
    data.position = { ...data.position, window: 1 };
    expect(data.next()).toEqual(second);
    expect(new GeneratedBatches(task, { batch: 4, seed: 3 }).next()).toEqual(first);
    expect(new GeneratedBatches(task, { batch: 4, seed: 4 }).next().ids).not.toEqual(first.ids);
  });
});

test("mixed batches are of one task each, the later ones join in time, and follow from seed and position", () => {
  const mixed = [2, 4, 8].map((count) => copying({ length: count, count, spacing: "fixed" }));
  const data = new MixedBatches(mixed, { tokens: 64, mostRows: 12, joined: 20, seed: 3 });
  const batches = Array.from({ length: 60 }, () => data.next());
  const times = batches.map(({ time }) => time);
  expect(times.slice(0, 10)).toEqual(Array(10).fill(4));
  expect(new Set(times.slice(10, 20))).toEqual(new Set([4, 8]));
  expect(new Set(times.slice(20))).toEqual(new Set([4, 8, 16]));
  for (const { time, batch } of batches) expect(batch).toBe(time === 4 ? 12 : 64 / time);
  data.position = { ...data.position, window: 30 };
  expect(data.next()).toEqual(batches[30]);
});

/** Answers by looking at the whole example, which is what each task asks for. */
const answers = {
  copying: (ids: Int32Array, values: number) => [...ids].filter((id) => id < values),
  induction: (ids: Int32Array) => [ids[ids.indexOf(ids[ids.length - 1]) + 1]],
};

const labelled = (labels: Int32Array) => [...labels].filter((label) => label !== IGNORED);

test.each(["fixed", "random"] as const)(
  "copying with %s spacing asks for the tokens in their order, at the marks",
  (spacing) => {
    const task = copying({ length: 30, count: 6, values: 4, spacing });
    for (let seed = 0; seed < 50; seed++) {
      const { ids, labels } = task.example(randomSource(seed));
      expect(labelled(labels)).toEqual(answers.copying(ids.subarray(0, 30), 4));
      expect([...ids.subarray(30)]).toEqual(Array(6).fill(5));
      expect(labels.subarray(0, 30).every((label) => label === IGNORED)).toBe(true);
      if (spacing === "fixed") expect(ids.subarray(0, 6).every((id) => id < 4)).toBe(true);
    }
  },
);

test("random spacing reaches every place", () => {
  const task = copying({ length: 10, count: 3, values: 4, spacing: "random" });
  const seen = new Set<number>();
  for (let seed = 0; seed < 100; seed++) task.example(randomSource(seed)).ids.forEach((id, i) => id < 4 && seen.add(i));
  expect([...seen].filter((place) => place < 10)).toHaveLength(10);
});

test("induction heads: the mark stands twice, and the answer is what followed it", () => {
  const task = inductionHeads({ length: 12, values: 5 });
  const places = new Set<number>();
  for (let seed = 0; seed < 200; seed++) {
    const { ids, labels } = task.example(randomSource(seed));
    expect([...ids].filter((id) => id === 5)).toHaveLength(2);
    expect(ids[11]).toBe(5);
    expect(labelled(labels)).toEqual(answers.induction(ids));
    expect(labels[11]).toBeLessThan(5);
    places.add(ids.indexOf(5));
  }
  expect([...places].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => i));
});

test("associative recall asks for each key once; its answer is its value", () => {
  const task = associativeRecall({ pairs: 5, keys: 8, values: 3 });
  for (let seed = 0; seed < 50; seed++) {
    const { ids, labels } = task.example(randomSource(seed));
    const value = new Map(Array.from({ length: 5 }, (_, i) => [ids[2 * i], ids[2 * i + 1]]));
    expect(value.size).toBe(5);
    const asked = [...ids.subarray(10)];
    expect(new Set(asked)).toEqual(new Set(value.keys()));
    expect([...labels.subarray(10)]).toEqual(asked.map((key) => value.get(key)));
    expect(labels.subarray(0, 10).every((label) => label === IGNORED)).toBe(true);
  }
});

test("distinct numbers are distinct, and rows of a batch follow each other", () => {
  expect(distinct(8, 8, randomSource(1)).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  const row = (first: number) => ({ ids: Int32Array.of(first, 1), labels: Int32Array.of(IGNORED, first) });
  const { ids, labels, batch, time } = batchOf([row(3), row(4)]);
  expect([[...ids], [...labels], batch, time]).toEqual([[3, 1, 4, 1], [IGNORED, 3, IGNORED, 4], 2, 2]);
});
