import { Device, HostBackend } from "@elapid/tensor";
import { expect, test } from "vitest";
import { Ema } from "./ema.ts";

test("follows the parameters, and is exchanged with them and back", async () => {
  using device = new Device(new HostBackend());
  const w = device.tensor([0, 8]);
  const ema = new Ema([["w", w]], 0.75);
  const values = async () => [...(await w.data())];

  w.assign(device.tensor([4, 0]));
  ema.update();
  expect(await values()).toEqual([4, 0]);
  const bytes = device.liveBytes;
  ema.swap();
  expect(await values()).toEqual([1, 6]);
  ema.swap();
  expect(await values()).toEqual([4, 0]);
  ema.update();
  ema.swap();
  expect(await values()).toEqual([1.75, 4.5]);

  expect(device.liveBytes).toBe(bytes);
  ema.dispose();
  w.dispose();
  expect(device.liveBytes).toBe(0);
});
