import { existsSync } from "node:fs";
import { defineOp, Device, optional, type DeviceOptions } from "@elapid/tensor";
import { create } from "webgpu";
import { WebGpuBackend, type BackendOptions } from "./backend.ts";
import { defineKernel, type Kernel } from "./kernel.ts";
import { openWebGpu, type OpenWebGpuOptions } from "./open.ts";
import { groupIndex } from "./snippets/group-index.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** Debian's chromium ships a software Vulkan driver that Dawn accepts. */
const softwareDriver = "/usr/lib/chromium/vk_swiftshader_icd.json";
if (existsSync(softwareDriver)) process.env.VK_ICD_FILENAMES ??= softwareDriver;

/** A device on a software adapter: it computes. */
export async function openSoftware(options: OpenWebGpuOptions, deviceOptions: DeviceOptions = {}): Promise<Device> {
  return new Device(await openWebGpu({ allowSoftware: true, ...options }), { strict: true, ...deviceOptions });
}

/** What `create()` gives must outlive the devices that come from it, else the process aborts. */
const dawns: GPU[] = [];

/** Dawn, with flags such as `"backend=null"`, which validates all and computes nothing. */
export function createDawn(...flags: string[]): GPU {
  const gpu = create(flags);
  dawns.push(gpu);
  return gpu;
}

/** A device of the null backend. */
export async function openNull(): Promise<GPUDevice> {
  const adapter = await createDawn("backend=null").requestAdapter();
  return adapter!.requestDevice();
}

/** A backend together with the `GPUDevice` under it. */
export async function openRaw(
  options: Partial<BackendOptions>,
): Promise<{ backend: WebGpuBackend; gpuDevice: GPUDevice }> {
  const adapter = await createDawn().requestAdapter();
  const gpuDevice = await adapter!.requestDevice();
  return { backend: new WebGpuBackend(gpuDevice, { kernels: [], description: "webgpu: test", ...options }), gpuDevice };
}

/** `y = x · factor + offset`. */
export const affine = defineOp({
  name: "affine",
  inputs: { x: "...", offset: optional("...") },
  outputs: { y: "..." },
  attributes: { factor: 1 },
  reference: ({ inputs: { x, offset }, outputs: { y }, attributes: { factor } }) => {
    for (let i = 0; i < y.length; i++) y[i] = x[i] * factor + (offset?.[i] ?? 0);
  },
});

export const affineKernel: Kernel = defineKernel(affine, {
  along: "rows",
  workgroups: ({ rows }) => rows,
  source: () => wgsl`
    ${groupIndex}
    @compute @workgroup_size(1)
    fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
      let i = groupIndex(group, groups);
      if (i >= dims.rows) { return; }
      y[i] = x[i] * dims.factor;
      if (hasOffset) { y[i] += offset[i]; }
    }
  `,
});

/** Rows of a table, as embeddings; it has a kernel that takes a table in parts. */
export const pick = defineOp({
  name: "pick",
  inputs: { index: "count", table: "rows features" },
  outputs: { y: "count features" },
  reference: ({ dims: { count, features }, inputs: { index, table }, outputs: { y } }) => {
    for (let i = 0; i < count; i++) y.set(table.subarray(index[i] * features, (index[i] + 1) * features), i * features);
  },
});

export const pickKernel: Kernel = defineKernel(pick, {
  along: "count",
  split: "table",
  workgroups: ({ count }) => count,
  source: () => wgsl`
    @compute @workgroup_size(1)
    fn main(@builtin(workgroup_id) group: vec3u) {
      let row = u32(index[group.x]) - dims.partFirst;
      if (row >= dims.partCount) { return; }
      for (var f = 0u; f < dims.features; f++) { y[group.x * dims.features + f] = table[row * dims.features + f]; }
    }
  `,
});
