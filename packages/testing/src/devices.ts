import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { HostBackend, type Backend } from "@elapid/tensor";
import type { Kernel, WebGpuBackend } from "@elapid/webgpu";

/** A way to run ops that every test and every reference check goes through. */
export interface TestedBackend {
  readonly name: string;
  readonly kind: Backend["kind"];
  open(): Promise<Backend>;
}

/** Every backend that ops are tested on; a new one is a line here. */
export const testedBackends: readonly TestedBackend[] = [
  { name: "host", kind: "host", open: async () => new HostBackend() },
  { name: "wasm, relaxed SIMD, 2 threads", kind: "wasm", open: () => wasm({ simd: "relaxed", threads: 2 }) },
  {
    name: "wasm, SIMD128, 1 thread, memory of its own",
    kind: "wasm",
    open: () => wasm({ simd: "simd128", threads: 1, sharedMemory: false }),
  },
  { name: "webgpu, software", kind: "webgpu", open: () => softwareWebGpu() },
];

// each backend is loaded when it is opened, so that one that is broken does not take the others along

async function wasm(options: {
  simd: "relaxed" | "simd128";
  threads: number;
  sharedMemory?: boolean;
}): Promise<Backend> {
  const [{ openWasm }, ops, scan] = await Promise.all([
    import("@elapid/wasm"),
    import("@elapid/ops/wasm"),
    import("@elapid/scan/wasm"),
  ]);
  return openWasm({ kernels: [...ops.kernels, ...scan.kernels], ...options });
}

/** A WebGPU device in software, with all kernels or with `only` some. */
export async function softwareWebGpu(only?: readonly Kernel[]): Promise<WebGpuBackend> {
  const [{ openWebGpu }, ops, scan] = await Promise.all([
    import("@elapid/webgpu"),
    import("@elapid/ops/webgpu"),
    import("@elapid/scan/webgpu"),
  ]);
  // Debian's chromium ships a software Vulkan driver that Dawn accepts
  const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
  if (existsSync(driver)) process.env.VK_ICD_FILENAMES ??= driver;
  process.env.XDG_RUNTIME_DIR ??= tmpdir(); // the driver complains without one
  return openWebGpu({ kernels: only ?? [...ops.kernels, ...scan.kernels], allowSoftware: true });
}
