import { expect, test } from "vitest";
import { randomMemory } from "./random-memory.ts";
import { relativeError, signalSpace } from "./signals.ts";

test("a random system with the best decoder knows a short signal, and of a long one the end better than the beginning", () => {
  const errors = [128, 2048].map((length) => {
    const space = signalSpace(length);
    const signal = space.draw(3);
    const again = randomMemory(32, 8, space, 0)(signal);
    return { all: relativeError(signal, again), recent: relativeError(signal, again, length - 128) };
  });
  expect(errors[0].all).toBeLessThan(0.01);
  expect(errors[1].all).toBeGreaterThan(0.3);
  expect(errors[1].recent).toBeLessThan(errors[1].all);
});
