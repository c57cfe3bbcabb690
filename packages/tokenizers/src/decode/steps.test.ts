import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DecodeStep } from "./sink.ts";
import { chain } from "./sink.ts";
import {
  byteFallback,
  byteLevel,
  cleanUp,
  ctc,
  fuse,
  metaspace,
  replaceText,
  spaced,
  strip,
  wordEnd,
  wordPiece,
} from "./steps.ts";

/** The tokens that a step makes of tokens. */
function run(step: DecodeStep, tokens: readonly string[]): string[] {
  const out: string[] = [];
  let token = "";
  const sink = step({
    write: (text) => void (token += text),
    endToken() {
      out.push(token);
      token = "";
    },
    end() {},
  });
  for (const text of tokens) {
    // in two writes, as a step before may do it
    sink.write(text.slice(0, 1));
    sink.write(text.slice(1));
    sink.endToken();
  }
  sink.end();
  return out;
}

describe("decoding steps", () => {
  test.each<[string, DecodeStep, string[], string[]]>([
    ["byteLevel joins the bytes of a character", byteLevel, ["æĹ", "¥", "Ġa"], ["日 a"]],
    ["byteLevel marks what is broken", byteLevel, ["æĹ", "a", "ðŁ"], ["\uFFFDa\uFFFD"]],
    ["byteLevel takes other tokens as they are", byteLevel, ["a b", "<日>"], ["a b<日>"]],
    ["byteLevel keeps a byte order mark", byteLevel, ["ï»¿"], ["\uFEFF"]],
    ["byteFallback joins a run of bytes", byteFallback, ["a", "<0xE6>", "<0x97>", "<0xA5>", "b"], ["a", "日", "b"]],
    ["byteFallback gives up a whole broken run", byteFallback, ["<0x41>", "<0xE6>", "a"], ["\uFFFD\uFFFD", "a"]],
    ["byteFallback keeps a byte order mark", byteFallback, ["<0xEF>", "<0xBB>", "<0xBF>"], ["\uFEFF"]],
    ["byteFallback takes other tokens as they are", byteFallback, ["<0xZZ>", "<0x1>"], ["<0xZZ>", "<0x1>"]],
    ["fuse makes one token", fuse, ["a", "", "b"], ["ab"]],
    ["replaceText stays within a token", replaceText("ab", "$&"), ["xab", "a", "b"], ["x$&", "a", "b"]],
    [
      "replaceText, fused, reaches over tokens",
      chain([fuse, replaceText("aab", "-")]),
      ["a", "a", "aab", "aa"],
      ["aa-aa"],
    ],
    ["strip counts from both ends", strip(" ", 1, 2), ["  a   ", " ", "  ", "b"], [" a ", "", "", "b"]],
    ["strip, fused, sees one token", chain([fuse, strip(" ", 1, 1)]), [" a ", " ", "b ", " "], ["a  b "]],
    ["metaspace drops the first mark", metaspace("▁", true), ["▁a", "▁", "b▁c"], ["a", " ", "b c"]],
    ["metaspace keeps it if encoding put none", metaspace("▁", false), ["▁a", "▁b"], [" a", " b"]],
    ["wordPiece continues words", wordPiece("##", false), ["##a", "##b", "c", "."], ["##a", "b", " c", " ."]],
    [
      "wordPiece tidies each token by itself",
      wordPiece("##", true),
      ["a", ".", "'", "s", "do not"],
      ["a", ".", " '", " s", " don't"],
    ],
    ["wordEnd makes spaces but at the end", wordEnd("</w>"), ["a", "b</w>", "c</w>"], ["a", "b ", "c"]],
    ["ctc drops repeats and padding", ctc("<pad>", "|", true), ["a", "a", "<pad>", "a", "|", "|"], ["a", "a", " "]],
    ["spaced puts a space between", spaced, ["a", "b"], ["a", " b"]],
    ["cleanUp removes spaces before punctuation", cleanUp, ["it ", "'s", " a ' b", " .", " n", "'t"], ["it's a'b.n't"]],
  ])("%s", (_, step, tokens, expected) => {
    expect(run(step, tokens)).toEqual(expected);
  });

  test("replaceText replaces as String.replaceAll, however the text is cut", () =>
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "b") }),
        fc.constantFrom("a", "ab", "aab", "aba"),
        fc.nat(20),
        (text, from, cut) => {
          const step = chain([fuse, replaceText(from, "-")]);
          expect(run(step, [text.slice(0, cut), text.slice(cut)])).toEqual([text.replaceAll(from, "-")]);
        },
      ),
    ));
});
