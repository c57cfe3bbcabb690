import { expect, test } from "vitest";
import { resample, trimmed } from "./resample.ts";

test("resampling keeps what is below the new band and takes away what is above", () => {
  const tone = (hertz: number) =>
    Float32Array.from({ length: 4410 }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / 22_050));
  const power = (signal: Float32Array) => signal.reduce((sum, x) => sum + x * x, 0) / signal.length;
  const low = resample(tone(500), 22_050, 4000);
  expect(low).toHaveLength(800);
  expect(power(low)).toBeCloseTo(0.5, 1);
  const exact = Float32Array.from({ length: 800 }, (_, i) => Math.sin((2 * Math.PI * 500 * i) / 4000));
  for (let i = 50; i < 750; i++) expect(Math.abs(low[i] - exact[i])).toBeLessThan(0.02);
  expect(power(resample(tone(3000), 22_050, 4000))).toBeLessThan(1e-3);
});

test("silence before and after is cut off", () => {
  expect([...trimmed(Float32Array.of(0, 0.001, 0.5, 0, -1, 0, 0), 0.01)]).toEqual([0.5, 0, -1]);
  expect(trimmed(new Float32Array(4), 0.01)).toHaveLength(0);
});
