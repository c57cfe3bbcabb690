import { testRecurrence } from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import { expect, test } from "vitest";
import { gruBackward } from "./gru.backward.ts";
import { gru } from "./gru.ts";

testRecurrence(gru, [gruBackward]);

test("gru names the dimension and both inputs that disagree", () => {
  using device = new Device(new HostBackend());
  const x = device.zeros([2, 3, 12]);
  expect(() => gru({ x, weight: device.zeros([15, 5]) })).toThrow(
    new TypeError('Cannot run "gru": "gates" is 12 in x but 15 in weight'),
  );
  expect(() => gru({ x, weight: device.zeros([12, 5]) })).toThrow(
    new TypeError('Cannot run "gru": "gates" is 12 in x but must be 15'),
  );
});
