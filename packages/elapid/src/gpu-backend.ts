import { inferenceKernels as ops, inferenceParts } from "@elapid/ops/webgpu/inference";
import { inferenceKernels as scans } from "@elapid/scan/webgpu/inference";
import { openWebGpu, type WebGpuBackend } from "@elapid/webgpu";
import type { OpenDeviceOptions } from "./open-device.ts";

const parts = { ...inferenceParts, ...scans };

/** A WebGPU device with the kernels asked for. */
export async function gpuBackend({ allowSoftware, kernels = "all" }: OpenDeviceOptions): Promise<WebGpuBackend> {
  const lists = await Promise.all(
    kernels === "all"
      ? [
          import("@elapid/ops/webgpu").then((ops) => ops.kernels),
          import("@elapid/scan/webgpu").then((scan) => scan.kernels),
        ]
      : [ops, ...kernels.map((name) => parts[name]())],
  );
  return openWebGpu({ kernels: lists.flat(), allowSoftware });
}
