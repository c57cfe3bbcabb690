import fc from "fast-check";
import { expect, test } from "vitest";
import { StopStrings } from "./stop.ts";

function run(text: string, cuts: readonly number[], stops: readonly string[]) {
  const seeker = new StopStrings(stops);
  let out = "";
  let start = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), text.length]) {
    out += seeker.push(text.slice(start, cut));
    start = Math.max(start, cut);
  }
  return { out: out + seeker.flush(), found: seeker.found };
}

test("however the text is cut, it ends right before the first stop string", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "c") });
  fc.assert(
    fc.property(
      letters,
      fc.array(
        letters.filter((stop) => stop !== ""),
        { maxLength: 3 },
      ),
      fc.array(fc.nat(30)),
      (text, stops, cuts) => {
        const inside = cuts.map((cut) => Math.min(cut, text.length));
        const ends = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
        const { out, found } = run(text, inside, stops);
        expect(found).toBe(ends.length > 0);
        // pieces decide as they come: a stop that is complete earlier wins over one that begins earlier
        if (!found) expect(out).toBe(text);
        else {
          expect(text.startsWith(out)).toBe(true);
          expect(stops.some((stop) => text.startsWith(stop, out.length))).toBe(true);
        }
      },
    ),
  );
});

test("text that might become a stop string is held back until it is known", () => {
  const seeker = new StopStrings(["\n\n"]);
  expect(seeker.push("The end.\n")).toBe("The end.");
  expect(seeker.push("Not yet.\n")).toBe("\nNot yet.");
  expect(seeker.push("\nMore")).toBe("");
  expect(seeker.found).toBe(true);
  expect(seeker.push("and more")).toBe("");
});
