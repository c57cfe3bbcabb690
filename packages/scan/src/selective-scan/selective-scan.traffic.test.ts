import { scanSizes } from "@elapid/testing";
import type { Kernel } from "@elapid/webgpu";
import { expect, test } from "vitest";
import { complexSelectiveScanForward } from "./complex-selective-scan.wgsl.ts";
import { selectiveScanForward } from "./selective-scan.forward.wgsl.ts";
import { selectiveScanBackwardKernel } from "./selective-scan.backward.wgsl.ts";
import { selectiveScanChunked } from "./selective-scan.chunked.wgsl.ts";

/** Numbers that a call moves for each of `u`, to a tenth. */
function perElement({ traffic }: Kernel, state: number) {
  const sizes = scanSizes({ batch: 1, time: 4096, inner: 1536, state });
  const { moved, least } = traffic(sizes, { given: new Set(["D", "z"]) });
  return [moved, least].map((bytes) => Math.round(bytes / 4 / (4096 * 1536) / 0.1) / 10);
}

test.each([
  ["sequential", selectiveScanForward, 16, [4, 4]],
  ["sequential, two slices of the state", selectiveScanForward, 32, [8.1, 4.1]],
  ["sequential, complex", complexSelectiveScanForward, 16, [8.1, 4.1]],
  ["chunked", selectiveScanChunked, 16, [8.1, 4]],
  ["backward", selectiveScanBackwardKernel, 16, [32.1, 7.1]],
] as const)("%s moves as much as its comment says", (_, kernel, state, expected) => {
  expect(perElement(kernel, state)).toEqual(expected);
});
