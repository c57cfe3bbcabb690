import { randomSource } from "@elapid/tensor";
import { expect, test } from "vitest";
import { algorithms } from "./algorithms.ts";
import { count } from "./count.ts";
import { allocate, view, type Layout } from "./memory.ts";
import { startThreads } from "./threads.ts";

function filled(time: number, lanes: number): Layout {
  const layout = allocate(time, lanes);
  const { a, b } = view(layout);
  const source = randomSource(time);
  for (let t = 0; t < time; t++) [a[t], b[t]] = [0.9 + 0.1 * source.next(), 2 * source.next() - 1];
  return layout;
}

/** The greatest difference from the states one after the other. */
function worst(layout: Layout): number {
  const { a, b, h } = view(layout);
  let [state, worst] = [0, 0];
  for (let t = 0; t < a.length; t++) {
    state = a[t] * state + b[t];
    worst = Math.max(worst, Math.abs(state - h[t]));
  }
  return worst;
}

const cases = Object.keys(algorithms).flatMap((name) =>
  [
    [1, 1],
    [63, 5],
    [4097, 3],
    [10_000, 64],
  ].map(([time, lanes]) => ({ name, time, lanes })),
);

test.each(cases)("$name of $time steps by $lanes lanes in turn", ({ name, time, lanes }) => {
  const layout = filled(time, lanes);
  count(algorithms[name], layout);
  expect(worst(layout)).toBeLessThan(1e-5);
});

test("work, depth and barriers are those of the papers", () => {
  const time = 1024;
  const of = (name: string, lanes: number) => count(algorithms[name], filled(time, lanes));
  expect(of("serial", 1)).toEqual({ work: 1023, depth: 1023, barriers: 0 });
  // (time - 2^r) joins in each of 10 rounds
  expect(of("Hillis-Steele", time)).toEqual({ work: 10 * 1024 - 1023, depth: 10, barriers: 11 });
  // time - 1 joins up, as many down, and one more for each step
  expect(of("Blelloch", time)).toEqual({ work: 2 * 1023 + 1024, depth: 21, barriers: 22 });
  expect(of("reduce-then-scan", 32)).toMatchObject({ depth: 31 + 31 + 32, barriers: 2 });
  expect(of("chunked", 32)).toMatchObject({ depth: 31 + 31 + 32, barriers: 2 });
  expect(of("look-back", 32)).toMatchObject({ barriers: 0 });
});

test("threads give what lanes in turn give", async () => {
  const layout = filled(100_001, 2);
  const threads = await startThreads(layout, Object.keys(algorithms));
  try {
    for (const name of Object.keys(algorithms)) {
      view(layout).h.fill(Number.NaN);
      expect(threads.run(name)).toBeGreaterThan(0);
      expect([name, worst(layout) < 1e-5]).toEqual([name, true]);
    }
  } finally {
    await threads.close();
  }
});
