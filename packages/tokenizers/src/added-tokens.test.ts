import { describe, expect, test } from "vitest";
import { AddedTokenSplitter, type AddedToken } from "./added-tokens.ts";

const token = (id: number, content: string, flags: Partial<AddedToken> = {}): AddedToken => ({
  id,
  content,
  singleWord: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: false,
  ...flags,
});
const split = (tokens: readonly AddedToken[], text: string, normalize = (part: string) => part) =>
  new AddedTokenSplitter(tokens, normalize).split(text).map(({ text: part, id }) => [part, id]);

describe("added tokens", () => {
  test("are found from left to right, the longest first", () => {
    expect(split([token(1, "ab"), token(2, "abc"), token(3, "c")], "xabcab")).toEqual([
      ["x", undefined],
      ["abc", 2],
      ["ab", 1],
    ]);
  });

  test("take white space along where they strip", () => {
    expect(split([token(1, "<t>", { lstrip: true, rstrip: true })], "a \n<t>\u3000b")).toEqual([
      ["a", undefined],
      [" \n<t>\u3000", 1],
      ["b", undefined],
    ]);
  });

  test("do not take what the token before them is, but may lie in space that it took", () => {
    const tokens = [token(1, "<t>", { lstrip: true, rstrip: true }), token(2, "  ")];
    expect(split(tokens, "  <t>  ")).toEqual([
      ["  ", 2],
      ["<t>  ", 1],
      ["  ", 2],
    ]);
  });

  test("that take space to their left take none twice", () => {
    const tokens = [token(1, "<t>", { rstrip: true }), token(2, "  ", { lstrip: true })];
    expect(split(tokens, "<t>  x")).toEqual([
      ["<t>  ", 1],
      ["x", undefined],
    ]);
  });

  test("count as single words where no word touches them, also one in letters beyond the basic plane", () => {
    const tokens = [token(1, "don", { singleWord: true })];
    expect(split(tokens, "don don't donner éldon 𝒜don don")).toEqual([
      ["don", 1],
      [" ", undefined],
      ["don", 1],
      ["'t donner éldon 𝒜don ", undefined],
      ["don", 1],
    ]);
  });

  test("are looked for in normalised text if they say so", () => {
    const tokens = [token(1, "ABC", { normalized: true }), token(2, "X")];
    expect(split(tokens, "Xabc ABCx", (text) => text.toLowerCase())).toEqual([
      ["X", 2],
      ["abc", 1],
      [" ", undefined],
      ["abc", 1],
      ["x", undefined],
    ]);
  });

  test("may hold characters that mean something in patterns", () => {
    expect(split([token(1, "<|a|>"), token(2, ".*[")], "a<|a|>.*[")).toEqual([
      ["a", undefined],
      ["<|a|>", 1],
      [".*[", 2],
    ]);
  });

  test("that look the same are one: the special one, then the earlier", () => {
    expect(split([token(1, "a"), token(2, "a"), token(3, "b"), token(4, "b", { special: true })], "ab")).toEqual([
      ["a", 1],
      ["b", 4],
    ]);
  });
});
