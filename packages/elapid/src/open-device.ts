import { Device, HostBackend, type DeviceKind, type DeviceOptions } from "@elapid/tensor";
import type { KernelPart } from "@elapid/models";
import type { WasmOptions } from "@elapid/wasm";
import type { AdapterReport } from "@elapid/webgpu";

export interface OpenDeviceOptions extends DeviceOptions, Pick<WasmOptions, "threads" | "simd"> {
  /** Lets `"webgpu"` take an adapter that is a program on the CPU. Default `false`; `"auto"` never does. */
  readonly allowSoftware?: boolean;
  /** Ops that get kernels: all, or those that running a model needs whose mixers are made of these, which is less to load. Default `"all"`; `load` takes what its model names, so ask for `"all"` to train what it gives. */
  readonly kernels?: "all" | readonly KernelPart[];
}

/**
 * Opens a device. `"auto"` takes WebGPU where there is a hardware adapter, else WASM; `device.reason`
 * says which and why.
 *
 * ```ts
 * using device = await openDevice("auto");
 * console.log(device.kind, device.reason); // "wasm" "no WebGPU adapter was found"
 * ```
 *
 * @throws UnsupportedError if the device asked for does not exist here; the message says what is missing.
 */
export async function openDevice(kind: DeviceKind | "auto" = "auto", options: OpenDeviceOptions = {}): Promise<Device> {
  switch (kind) {
    case "auto":
      return openBest(options);
    case "webgpu":
      return openGpu(options);
    case "wasm":
      return openCpu(options);
    case "host":
      return new Device(new HostBackend(), options);
    default:
      kind satisfies never;
      throw new TypeError(`Cannot open a device: "${String(kind)}" is none of "auto", "webgpu", "wasm", "host"`);
  }
}

/** Looks for a WebGPU adapter and says what is there, or what is missing. */
export async function probeAdapter(): Promise<AdapterReport> {
  const { probeAdapter } = await import("./probe-adapter.ts");
  return probeAdapter();
}

/** How a GPU shows on Linux: of any vendor, of Nvidia's driver, of AMD's, and under Windows. */
const GPU_FILES = ["/dev/dri", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg"];

/** Without a device file there is no hardware adapter to find, and drivers that are started for nothing complain on standard error. */
async function lacksGpu(): Promise<boolean> {
  const { process } = globalThis as { process?: { platform?: string } };
  if (process?.platform !== "linux") return false;
  const { existsSync } = await import("node:fs");
  return !GPU_FILES.some((file) => existsSync(file));
}

async function openBest(options: OpenDeviceOptions): Promise<Device> {
  if (await lacksGpu()) return openCpu({ reason: "WebGPU: this machine has no GPU", ...options });
  const { kind, reason } = choose(await probeAdapter());
  return kind === "webgpu" ? openGpu({ reason, ...options, allowSoftware: false }) : openCpu({ reason, ...options });
}

/** @internal What `"auto"` takes, given what the probe found: a GPU, and nothing that only looks like one. */
export function choose({ hardware, reason }: Pick<AdapterReport, "hardware" | "reason">): {
  readonly kind: "webgpu" | "wasm";
  readonly reason: string;
} {
  // what would help follows in a second sentence, for those who ask for it
  return { kind: hardware ? "webgpu" : "wasm", reason: reason.split("; ")[0] };
}

// what a device needs is imported where it is wanted: a page that never asks for WebGPU never loads WGSL

async function openGpu(options: OpenDeviceOptions): Promise<Device> {
  const { gpuBackend } = await import("./gpu-backend.ts");
  return new Device(await gpuBackend(options), options);
}

async function openCpu(options: OpenDeviceOptions): Promise<Device> {
  const { cpuBackend } = await import("./cpu-backend.ts");
  return new Device(await cpuBackend(options), options);
}
