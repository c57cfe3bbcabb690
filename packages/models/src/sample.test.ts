import { randomSource } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { argmax, sampleToken, type SamplingOptions } from "./sample.ts";

const plain: SamplingOptions = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
const nothing: ReadonlySet<number> = new Set();

/** Shares of each token among many draws. */
function shares(logits: readonly number[], options: Partial<SamplingOptions>, draws = 20_000): number[] {
  const random = randomSource(3);
  const counts = logits.map(() => 0);
  for (let i = 0; i < draws; i++)
    counts[sampleToken(Float32Array.from(logits), nothing, { ...plain, ...options }, random)]++;
  return counts.map((count) => count / draws);
}

function softmax(logits: readonly number[]): number[] {
  const weights = logits.map(Math.exp);
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
}

function expectShares(actual: readonly number[], wanted: readonly number[]): void {
  actual.forEach((share, id) => expect(Math.abs(share - wanted[id])).toBeLessThan(0.015));
}

describe("sampleToken", () => {
  const logits = [1, 3, 2, 0, -1];

  test("draws tokens in proportion to the exponentials of their logits", () => {
    expectShares(shares(logits, {}), softmax(logits));
  });

  test("a temperature divides the logits, and 0 takes the likeliest", () => {
    expectShares(shares(logits, { temperature: 2 }), softmax(logits.map((logit) => logit / 2)));
    expect(shares(logits, { temperature: 0 }, 10)).toEqual([0, 1, 0, 0, 0]);
  });

  test("top-k keeps the k likeliest", () => {
    const [a, b] = softmax([3, 2]);
    expectShares(shares(logits, { topK: 2 }), [0, a, b, 0, 0]);
  });

  test("top-p keeps the fewest tokens that reach it, the one that crosses it included", () => {
    const [, first, second] = softmax(logits);
    const [a, b] = softmax([3, 2]);
    expectShares(shares(logits, { topP: first - 0.01 }), [0, 1, 0, 0, 0]);
    expectShares(shares(logits, { topP: first + second - 0.01 }), [0, a, b, 0, 0]);
  });

  test("takes of many tokens those that sorting all of them gives", () => {
    const random = randomSource(4);
    // with many equal ones, and some that weigh nothing
    const many = Float32Array.from(
      { length: 3000 },
      () => Math.round(30 * random.next()) - (random.next() < 0.1 ? 2_000_000 : 0),
    );
    const sorted = [...many.keys()].toSorted((a, b) => many[b] - many[a] || a - b);
    for (const topK of [1, 2, 63, 64, 65, 700, 2999, 3000]) {
      const kept = new Set(sorted.slice(0, topK));
      const flat = { ...plain, topK, temperature: 1000 };
      const drawn = Array.from({ length: 200 }, () => sampleToken(many.slice(), nothing, flat, random));
      expect(drawn.every((id) => kept.has(id))).toBe(true);
      expect(sampleToken(many.slice(), nothing, flat, { ...random, next: () => 0 })).toBe(sorted[0]);
      const last = sampleToken(many.slice(), nothing, flat, { ...random, next: () => 1 });
      expect(last).toBe(sorted.slice(0, topK).findLast((id) => Math.exp((many[id] - 30) / 1000) > 0));
    }
  });

  test("top-p counts what top-k has left", () => {
    // of the two that top-k leaves, the first has 73 %
    expectShares(shares(logits, { topK: 2, topP: 0.7 }), [0, 1, 0, 0, 0]);
  });

  test.each([{}, { topK: 4 }])("min-p drops what has less than its share of the likeliest, with %o", (others) => {
    const [a, b] = softmax([3, 2]);
    expectShares(shares(logits, { minP: 0.2, ...others }), [0, a, b, 0, 0]);
  });

  test("the repetition penalty divides positive and multiplies negative logits of what was there", () => {
    const pick = (logits: number[]) =>
      sampleToken(
        Float32Array.from(logits),
        new Set([0]),
        { ...plain, temperature: 0, repetitionPenalty: 2 },
        randomSource(1),
      );
    expect(pick([4, 3])).toBe(1);
    expect(pick([7, 3])).toBe(0);
    expect(pick([-1, -1.5])).toBe(1);
  });

  test("every choice is among the tokens that the filters keep", () => {
    fc.assert(
      fc.property(
        // steps of an eighth: logits either tie or differ by more than rounding
        fc.array(
          fc.integer({ min: -160, max: 160 }).map((eighths) => eighths / 8),
          { minLength: 1, maxLength: 40 },
        ),
        fc.integer({ min: 0, max: 45 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(),
        (logits, topK, topP, minP, seed) => {
          const values = Float32Array.from(logits);
          const id = sampleToken(values.slice(), nothing, { ...plain, topK, topP, minP }, randomSource(seed));
          const better = [...values].filter((logit) => logit > values[id]).length;
          if (topK > 0) expect(better).toBeLessThan(topK);
          expect(Math.exp(values[id] - Math.max(...values))).toBeGreaterThanOrEqual(minP * (1 - 1e-6));
          const above = softmax([...values])
            .filter((_, other) => values[other] > values[id])
            .reduce((a, b) => a + b, 0);
          if (topK === 0) expect(above).toBeLessThan(topP + 1e-6);
        },
      ),
    );
  });

  test("equal logits rank by id", () => {
    expect(argmax(Float32Array.of(0, 2, 2))).toBe(1);
    expect(shares([2, 2, 2], { topK: 1 }, 20)).toEqual([1, 0, 0]);
  });

  test("refuses NaN and logits that leave no choice", () => {
    expect(() => argmax(Float32Array.of(1, NaN))).toThrow("the logit of token 1 is NaN");
    expect(() => argmax(Float32Array.of(-Infinity, -Infinity))).toThrow("no logit is above -Infinity");
  });
});
