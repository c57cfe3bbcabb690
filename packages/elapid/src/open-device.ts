import { Device, HostBackend, type DeviceKind, type DeviceOptions } from "@elapid/tensor";
import type { WasmOptions } from "@elapid/wasm";
import type { AdapterReport } from "@elapid/webgpu";

export interface OpenDeviceOptions extends DeviceOptions, Pick<WasmOptions, "threads" | "simd"> {
  /** Lets `"webgpu"` take an adapter that is a program on the CPU. Default `false`; `"auto"` never does. */
  readonly allowSoftware?: boolean;
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
  const webgpu = await import("@elapid/webgpu");
  return webgpu.probeAdapter();
}

async function openBest(options: OpenDeviceOptions): Promise<Device> {
  const report = await probeAdapter();
  // what would help follows in a second sentence, for those who ask for it
  const [reason] = report.reason.split("; ");
  return report.hardware ? openGpu({ reason, ...options, allowSoftware: false }) : openCpu({ reason, ...options });
}

// kernels are imported where they are wanted: a page that never asks for WebGPU never loads WGSL

async function openGpu(options: OpenDeviceOptions): Promise<Device> {
  const [{ openWebGpu }, ops, scan] = await Promise.all([
    import("@elapid/webgpu"),
    import("@elapid/ops/webgpu"),
    import("@elapid/scan/webgpu"),
  ]);
  const { allowSoftware } = options;
  return new Device(await openWebGpu({ kernels: [...ops.kernels, ...scan.kernels], allowSoftware }), options);
}

async function openCpu(options: OpenDeviceOptions): Promise<Device> {
  const [{ openWasm }, ops, scan] = await Promise.all([
    import("@elapid/wasm"),
    import("@elapid/ops/wasm"),
    import("@elapid/scan/wasm"),
  ]);
  const { threads, simd } = options;
  return new Device(await openWasm({ kernels: [...ops.kernels, ...scan.kernels], threads, simd }), options);
}
