import { Device, HostBackend } from "@elapid/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";
import { clipScale, DivergedError, globalNorm } from "./clip.ts";

test("is the length of all gradients as one vector", async () => {
  using device = new Device(new HostBackend());
  const gradients = { a: device.tensor([2, 4], [2, 1]), b: device.tensor([4]), c: device.zeros([0, 3]) };
  const bytes = device.liveBytes;
  expect(await globalNorm(gradients)).toBeCloseTo(6, 6);
  expect(await globalNorm({})).toBe(0);
  expect(device.liveBytes).toBe(bytes);
});

test("has a length where the squares have none", async () => {
  using device = new Device(new HostBackend());
  expect(await globalNorm({ a: device.tensor([3e30]), b: device.tensor([4e30]) })).toBeCloseTo(5e30, -25);
});

test("names the first parameter whose gradient is NaN or infinite", async () => {
  using device = new Device(new HostBackend());
  const [fine, nan, infinite] = [device.tensor([1, 2]), device.tensor([1, NaN]), device.tensor([-Infinity])];
  const first = await globalNorm({ fine, nan, infinite }).catch((error: unknown) => error);
  expect(first).toBeInstanceOf(DivergedError);
  expect(first).toMatchObject({
    parameter: "nan",
    message:
      'Cannot take a step: the gradient of "nan" is NaN; lower the learning rate, or go back to the last checkpoint',
  });
  await expect(globalNorm({ fine, infinite, nan })).rejects.toThrow('the gradient of "infinite" is infinite');
});

test("scales to the maximum and never up", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e30, noNaN: true }),
      fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
      (norm, max) => {
        const scale = clipScale(norm, max);
        expect(norm * scale).toBeLessThanOrEqual(max * (1 + 1e-12));
        if (norm + 1e-6 <= max) expect(scale).toBe(1);
      },
    ),
  );
});
