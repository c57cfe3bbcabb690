import { expect, test } from "vitest";
import { randomSource } from "./random.ts";

const draw = (seed: number, count: number) => {
  const source = randomSource(seed);
  return Array.from({ length: count }, () => source.next());
};

test("the same seed gives the same numbers, another seed others", () => {
  expect(draw(7, 5)).toEqual(draw(7, 5));
  expect(draw(7, 5)).not.toEqual(draw(8, 5));
  // what lies above 32 bits counts too
  expect(draw(2 ** 40 + 7, 5)).not.toEqual(draw(7, 5));
});

test("numbers are uniform in [0, 1)", () => {
  const numbers = draw(1, 20_000);
  expect(numbers.every((value) => value >= 0 && value < 1)).toBe(true);
  const bins = Array.from({ length: 10 }, () => 0);
  for (const value of numbers) bins[Math.floor(value * 10)]++;
  // chi-squared of 9 degrees of freedom: 27.9 is exceeded once in a thousand
  expect(bins.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0)).toBeLessThan(27.9);
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const lagged =
    numbers.slice(1).reduce((sum, value, i) => sum + (value - 0.5) * (numbers[i] - 0.5), 0) / numbers.length;
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.008);
  expect(Math.abs(lagged)).toBeLessThan(0.003);
});
