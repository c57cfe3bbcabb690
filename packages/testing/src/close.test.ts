import { describe, expect, test } from "vitest";
import { difference, expectClose } from "./close.ts";

const close = (actual: number[], expected: number[], relative = 0.1) =>
  expectClose(actual, expected, { relative, absolute: 0, label: "y" });

describe("expectClose", () => {
  test("allows what is small beside the peak, wherever it is", () => {
    close([10, 0.9], [10, 0]);
    expect(() => close([10, 1.1], [10, 0])).toThrow("y: [1] is 1.1 but 0 was expected; off by 1.1, allowed is 1");
  });

  test.each([
    ["NaN where a number was expected", [NaN, 1], [1, 1]],
    ["NaN behind a smaller difference", [1.01, NaN], [1, 1]],
    ["NaN that was expected", [NaN], [NaN]],
    ["infinity", [Infinity], [1]],
    ["the other infinity", [-Infinity], [Infinity]],
    ["a number where infinity was expected", [1e38], [Infinity]],
    ["a difference beside an infinity", [Infinity, 2], [Infinity, 1]],
  ])("refuses %s", (_name, actual, expected) => {
    expect(() => close(actual, expected)).toThrow(/^y: \[/);
  });

  test("refuses another length", () => {
    expect(() => close([1], [1, 2])).toThrow("y: 1 values but 2 were expected");
    expect(difference([1, 2], [1], { relative: 1 }).error).toBe(Infinity);
  });

  test("compares nothing with nothing, and infinities with themselves", () => {
    close([], []);
    close([Infinity, -Infinity, 1], [Infinity, -Infinity, 1]);
  });
});
