import { describe, expect, test } from "vitest";
import { wgsl, wgslText } from "./wgsl.ts";

describe("wgsl", () => {
  const one = wgsl`fn one() -> f32 { return 1.0; }`;
  const two = wgsl`${one}fn two() -> f32 { return one() + one(); }`;

  test("writes numbers and switches as literals", () => {
    expect(wgslText(wgsl`let a = ${64}; let b = ${0.5}; let c = ${true};`)).toBe(
      "let a = 64; let b = 0.5; let c = true;",
    );
  });

  test("puts shared functions in front, each once, before those that use them", () => {
    const text = wgslText(wgsl`${two}${one}fn main() {}`);
    expect(text).toBe("fn one() -> f32 { return 1.0; }\nfn two() -> f32 { return one() + one(); }\nfn main() {}");
  });

  test("refuses a number that has no literal", () => {
    expect(() => wgsl`let a = ${Infinity};`).toThrow(
      new RangeError("Cannot write WGSL: Infinity is not a number that it has a literal for"),
    );
  });
});
