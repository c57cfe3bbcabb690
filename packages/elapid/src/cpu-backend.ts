import { inferenceKernels as ops, inferenceParts } from "@elapid/ops/wasm/inference";
import { inferenceKernels as scans } from "@elapid/scan/wasm/inference";
import type { Backend } from "@elapid/tensor";
import { openWasm } from "@elapid/wasm";
import type { OpenDeviceOptions } from "./open-device.ts";

const parts = { ...inferenceParts, ...scans };

/** A WebAssembly device with the kernels asked for. */
export async function cpuBackend({ threads, simd, kernels = "all" }: OpenDeviceOptions): Promise<Backend> {
  const lists = await Promise.all(
    kernels === "all"
      ? [
          import("@elapid/ops/wasm").then((ops) => ops.kernels),
          import("@elapid/scan/wasm").then((scan) => scan.kernels),
        ]
      : [ops, ...kernels.map((name) => parts[name]())],
  );
  return openWasm({ kernels: lists.flat(), threads, simd });
}
