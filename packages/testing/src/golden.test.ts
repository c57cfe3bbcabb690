import { Device, HostBackend } from "@elapid/tensor";
import { expect, test } from "vitest";
import { expectGolden, expectGoldenGradients, goldenCases } from "./golden.ts";

const device = new Device(new HostBackend(), { strict: true });

const differentiable = goldenCases().filter(({ hasGradients }) => hasGradients);

test.each(differentiable)("gradients match $reference: $id", (golden) => expectGoldenGradients(device, golden));

test("golden cases leave nothing behind on the device", async () => {
  const [golden] = goldenCases("selective_scan");
  await expectGolden(device, golden);
  await expectGoldenGradients(device, golden);
  expect(device.liveBytes).toBe(0);
});
