import { testRecurrence } from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import { expect, test } from "vitest";
import { rnnBackward } from "./rnn.backward.ts";
import { rnn } from "./rnn.ts";
import { statesBefore } from "./states-before.ts";

testRecurrence(rnn, [rnnBackward, statesBefore]);

test("rnn names the dimension and both inputs that disagree", () => {
  using device = new Device(new HostBackend());
  const x = device.zeros([2, 3, 4]);
  expect(() => rnn({ x, weight: device.zeros([4, 5]) })).toThrow(
    new TypeError('Cannot run "rnn": "hidden" is 4 in x but 5 in weight'),
  );
  expect(() => rnn({ x, weight: device.zeros([4, 4]), initialState: device.zeros([3, 4]) })).toThrow(
    new TypeError('Cannot run "rnn": "batch" is 2 in x but 3 in initialState'),
  );
});
