import { describe, expect, test } from "vitest";
import { parseJson } from "./json.ts";

describe("parseJson", () => {
  test("reads the floats that Python writes bare, and leaves strings as they are", () => {
    const text = String.raw`{"time_step_limit": [0.0, Infinity], "low": -Infinity, "odd": NaN, "a \"NaN": "Infinity"}`;
    expect(parseJson(text, "config.json")).toEqual({
      time_step_limit: [0, { __float__: "Infinity" }],
      low: { __float__: "-Infinity" },
      odd: { __float__: "NaN" },
      'a "NaN': "Infinity",
    });
  });

  test.each(["{", '{"a": Infinite}', "[NaN", '["NaN]', "[1, Infinity,]"])("refuses %s, naming the file", (text) => {
    expect(() => parseJson(text, "config.json")).toThrow(/^Cannot read "config.json": its JSON is malformed, /);
  });
});
