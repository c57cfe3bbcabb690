import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeBytes, readTokens, TokenBatches } from "./data.ts";

const count = (length: number) => Int32Array.from({ length }, (_, i) => i);

describe("readTokens", () => {
  test("puts the separator before every document", async () => {
    const tokens = await readTokens(["ab", "c"], encodeBytes, { separatorId: 256 });
    expect([...tokens]).toEqual([256, 97, 98, 256, 99]);
    expect([...(await readTokens(["ab", "é"], encodeBytes))]).toEqual([97, 98, 0xc3, 0xa9]);
  });

  test("holds more than it began with", async () => {
    const documents = Array.from({ length: 50 }, (_, i) => "x".repeat(100 * i));
    const tokens = await readTokens(documents, encodeBytes, { separatorId: 7 });
    expect(tokens.length).toBe(50 + 100 * ((49 * 50) / 2));
    expect(tokens.filter((id) => id === 7).length).toBe(50);
  });

  test("says that there is nothing", () =>
    expect(readTokens([], encodeBytes)).rejects.toThrow(new RangeError("Cannot read tokens: there is no text")));
});

describe("TokenBatches", () => {
  const sizes = fc.record({
    length: fc.integer({ min: 8, max: 60 }),
    batch: fc.integer({ min: 1, max: 4 }),
    time: fc.integer({ min: 1, max: 7 }),
    seed: fc.nat(),
  });

  test("an epoch has every window once, each token labelled with the next", () =>
    fc.assert(
      fc.property(sizes, ({ length, time, seed }) => {
        const data = new TokenBatches(count(length), { batch: 1, time, seed });
        for (let epoch = 0; epoch < 2; epoch++) {
          const batches = Array.from({ length: data.windows }, () => data.next());
          for (const { ids, labels } of batches) expect(labels).toEqual(ids.map((id) => id + 1));
          const starts = batches.map(({ ids }) => ids[0]).toSorted((a, b) => a - b);
          expect(starts).toEqual(Array.from({ length: data.windows }, (_, window) => window * time));
        }
      }),
    ));

  test("from a saved position come the same batches", () =>
    fc.assert(
      fc.property(sizes, fc.nat(40), ({ length, ...options }, steps) => {
        const one = new TokenBatches(count(length), options);
        for (let step = 0; step < steps; step++) one.next();
        const other = new TokenBatches(count(length), { ...options, seed: 1 });
        other.position = JSON.parse(JSON.stringify(one.position));
        for (let step = 0; step < 10; step++) expect(other.next()).toEqual(one.next());
      }),
    ));

  test("another seed and another epoch are another order", () => {
    const starts = (seed: number) => {
      const data = new TokenBatches(count(1001), { batch: 100, time: 10, seed });
      return [data.next(), data.next()].map(({ ids }) => ids.filter((_, i) => i % 10 === 0).join());
    };
    expect(new Set([...starts(1), ...starts(2)]).size).toBe(4);
    expect(starts(1)).toEqual(starts(1));
  });

  test("in order, every window comes once and the position stays", () => {
    const data = new TokenBatches(count(24), { batch: 2, time: 4, seed: 3 });
    const before = data.position;
    const batches = [...data.inOrder()];
    expect(batches.map(({ batch }) => batch)).toEqual([2, 2, 1]);
    expect(batches.flatMap(({ ids }) => [...ids])).toEqual([...count(20)]);
    expect(data.position).toEqual(before);
  });

  test("says what does not fit", () => {
    expect(() => new TokenBatches(count(4), { batch: 1, time: 4 })).toThrow(
      new RangeError("Cannot make batches: there are 4 tokens but one window of 4 needs 5"),
    );
    expect(() => new TokenBatches(count(9), { batch: 0, time: 4 })).toThrow("batch is 0");
    expect(() => {
      new TokenBatches(count(9), { batch: 1, time: 4 }).position = { seed: 0, epoch: 1, window: 3 };
    }).toThrow(new RangeError("Cannot take batches: window 3 of epoch 1 is not in data with 2 windows"));
  });
});
