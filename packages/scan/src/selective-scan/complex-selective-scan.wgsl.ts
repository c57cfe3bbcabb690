import { defineKernel } from "@elapid/webgpu";
import { complexEntry } from "./complex-entry.wgsl.ts";
import { complexSelectiveScanBackward } from "./complex-selective-scan.backward.ts";
import { complexSelectiveScanOp } from "./complex-selective-scan.ts";
import { backwardScan } from "./selective-scan.backward.wgsl.ts";
import { chunkedScan } from "./selective-scan.chunked.wgsl.ts";
import { sequentialScan } from "./selective-scan.forward.wgsl.ts";

/** The kernels of the real scan with two numbers in place of one: they say of themselves what they do and cost. */
export const complexSelectiveScanForward = defineKernel(complexSelectiveScanOp, sequentialScan(complexEntry));
export const complexSelectiveScanChunked = defineKernel(complexSelectiveScanOp, chunkedScan(complexEntry));
export const complexSelectiveScanBackwardKernel = defineKernel(
  complexSelectiveScanBackward,
  backwardScan(complexEntry),
);
