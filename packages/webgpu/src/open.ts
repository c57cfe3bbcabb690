import { UnsupportedError } from "@elapid/tensor";
import { classify, computes, findAdapter, requestDevice, type AdapterOptions } from "./adapter.ts";
import { WebGpuBackend } from "./backend.ts";
import { grantsForwardProgress } from "./forward-progress.ts";
import type { Kernel } from "./kernel.ts";

export interface OpenWebGpuOptions extends AdapterOptions {
  /** Kernels that the device has; where several serve an op, the first that suits the sizes runs. */
  readonly kernels: readonly Kernel[];
  /** Takes an adapter that is a program on the CPU. Default `false`. */
  readonly allowSoftware?: boolean;
  /** Bytes of the largest buffer that a kernel binds; larger tensors are cut. Default: what every device grants, 128 MiB. */
  readonly maxBindingBytes?: number;
  /** Bytes that tensors may hold at once. Default: whatever the device has. */
  readonly maxBytes?: number;
  /** Whether a workgroup that has begun goes on while others wait for it. Default: as is known of the adapter. */
  readonly forwardProgress?: boolean;
}

/**
 * Opens a WebGPU device, with the default limits, but for the alignment of tensors, and no optional feature.
 *
 * ```ts
 * import { kernels } from "@elapid/ops/webgpu";
 * using device = new Device(await openWebGpu({ kernels }));
 * ```
 *
 * @throws UnsupportedError if there is no adapter, or it is software that was not allowed, or it computes nothing.
 */
export async function openWebGpu(options: OpenWebGpuOptions): Promise<WebGpuBackend> {
  const { kernels, allowSoftware = false, maxBindingBytes, maxBytes } = options;
  const adapter = await findAdapter(options);
  const { description, software, nullBackend } = classify(adapter.info);
  if (nullBackend) throw computesNothing(description);
  if (software && !allowSoftware) {
    throw new UnsupportedError(
      `Cannot open WebGPU: the adapter "${description}" is software but a GPU was needed; "allowSoftware" takes it all the same`,
    );
  }
  const device = await requestDevice(adapter);
  if (!(await computes(device))) {
    device.destroy();
    throw computesNothing(description);
  }
  return new WebGpuBackend(device, {
    kernels,
    description: `webgpu: ${description}${software ? " (software)" : ""}`,
    maxBindingBytes,
    maxBytes,
    forwardProgress: options.forwardProgress ?? grantsForwardProgress(adapter.info),
  });
}

function computesNothing(description: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot open WebGPU: the adapter "${description}" answers but computes nothing; a driver that computes was needed`,
  );
}
