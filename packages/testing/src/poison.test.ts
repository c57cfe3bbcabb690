import { defineOp, Device, HostBackend } from "@elapid/tensor";
import { expect, test } from "vitest";
import { PoisoningBackend } from "./poison.ts";

test("an element that nobody writes is NaN", async () => {
  const lazy = defineOp({
    name: "lazy",
    inputs: { x: "size" },
    outputs: { y: "size" },
    reference: ({ inputs: { x }, outputs: { y } }) => void (y[0] = x[0]),
  });
  const device = new Device(new PoisoningBackend(new HostBackend()));
  // memory that was used before must not look as if it had been written
  device.tensor([1, 2, 3]).dispose();
  expect(await lazy({ x: device.tensor([7, 8, 9]) }).y.data()).toEqual(Float32Array.of(7, NaN, NaN));
});
