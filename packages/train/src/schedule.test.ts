import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cosineSchedule, linearSchedule, wsdSchedule } from "./schedule.ts";

describe.each([
  ["cosine", cosineSchedule],
  ["linear", linearSchedule],
  ["wsd", wsdSchedule],
])("%s", (_, schedule) => {
  const sizes = fc.record({
    steps: fc.integer({ min: 1, max: 200 }),
    warm: fc.double({ min: 0, max: 0.7, noNaN: true }),
  });

  test("rises to the peak, never rises again, and ends at the floor", () =>
    fc.assert(
      fc.property(sizes, ({ steps, warm }) => {
        const warmup = Math.floor(warm * steps);
        const lr = schedule({ peak: 3, floor: 0.5, steps, warmup });
        const rates = Array.from({ length: steps + 5 }, (_, step) => lr(step));
        for (let step = 0; step < warmup; step++) expect(rates[step]).toBeCloseTo((3 * (step + 1)) / warmup);
        expect(rates[warmup]).toBeCloseTo(3);
        for (let step = warmup + 1; step < rates.length; step++) {
          expect(rates[step]).toBeLessThanOrEqual(rates[step - 1]);
        }
        expect(rates.slice(steps)).toEqual(Array(5).fill(0.5));
      }),
    ));

  test("says what does not fit", () => {
    expect(() => schedule({ peak: 1, steps: 10, warmup: 11 })).toThrow("10 steps cannot hold 11 of warm-up");
    expect(() => schedule({ peak: 1, steps: 10, floor: 2 })).toThrow(
      new RangeError("Cannot make a schedule: it cannot fall from 1 to 2"),
    );
  });
});

test("half way, cosine and linear are half way down, and wsd is at its peak", () => {
  const options = { peak: 1, steps: 110, warmup: 10 };
  expect(cosineSchedule(options)(60)).toBeCloseTo(0.5);
  expect(linearSchedule(options)(60)).toBeCloseTo(0.5);
  expect(wsdSchedule(options)(60)).toBe(1);
});

test("wsd decays in its last steps", () => {
  const lr = wsdSchedule({ peak: 1, steps: 100, decay: 10 });
  expect([89, 90, 95, 99, 100].map(lr)).toEqual([1, 1, 0.5, expect.closeTo(0.1), 0]);
});
