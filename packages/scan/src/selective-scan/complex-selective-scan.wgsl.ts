import { defineKernel } from "@elapid/webgpu";
import { complexSelectiveScanBackward } from "./complex-selective-scan.backward.ts";
import { complexSelectiveScanOp } from "./complex-selective-scan.ts";
import { backwardScan } from "./selective-scan.backward.wgsl.ts";
import { chunkedScan } from "./selective-scan.chunked.wgsl.ts";
import { sequentialScan } from "./selective-scan.forward.wgsl.ts";

/** The kernels of the real scan with two numbers in place of one: they say of themselves what they do and cost. */
export const complexSelectiveScanForward = defineKernel(complexSelectiveScanOp, sequentialScan(2));
export const complexSelectiveScanChunked = defineKernel(complexSelectiveScanOp, chunkedScan(2));
export const complexSelectiveScanBackwardKernel = defineKernel(complexSelectiveScanBackward, backwardScan(2));
