import { UnsupportedError } from "@elapid/tensor";
import { usage } from "./buffers.ts";

/** What kind of adapter it is, by what it says of itself. */
export interface AdapterKind {
  /** For people: vendor, architecture, device and driver. */
  readonly description: string;
  /** A program on the CPU: SwiftShader, llvmpipe, WARP. */
  readonly software: boolean;
  /** Dawn's stand-in that accepts everything and computes nothing. */
  readonly nullBackend: boolean;
}

/** Where a GPU is looked for. */
export interface AdapterOptions {
  /** Instead of `navigator.gpu` or the package `webgpu`. */
  readonly gpu?: GPU;
  /** Instead of the one that `gpu` prefers. */
  readonly adapter?: GPUAdapter;
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b|software rasterizer/i;

/** Sorts an adapter by its `info`. */
export function classify(info: Partial<GPUAdapterInfo>): AdapterKind {
  const { vendor = "", architecture = "", device = "", description = "", isFallbackAdapter = false } = info;
  const words = [vendor, architecture, device, description].filter((word) => word !== "");
  const text = words.join(" ");
  return {
    description: text === "" ? "unnamed adapter" : text,
    software: isFallbackAdapter || /^(mesa|google)$/i.test(vendor) || SOFTWARE.test(text),
    nullBackend: /null[ -]?backend/i.test(text),
  };
}

const DRIVER_HELP =
  'a Vulkan driver of the GPU is needed; without a GPU, on Debian, "apt-get install libvulkan1 chromium" brings a software one,' +
  ' to be used with VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json and "allowSoftware"';

/**
 * Finds an adapter: the engine's own, else the one of the package `webgpu`.
 *
 * @throws UnsupportedError that says what is missing.
 */
export async function findAdapter({ gpu, adapter }: AdapterOptions): Promise<GPUAdapter> {
  if (adapter !== undefined) return adapter;
  if (gpu !== undefined) return requestFrom(gpu);
  const native = globalThis.navigator?.gpu;
  const found = await native?.requestAdapter({ powerPreference: "high-performance" });
  if (found) return found;
  const node = (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node;
  if (node === undefined) {
    const why =
      native === undefined ? "it has no navigator.gpu, or the page is not a secure context" : "it offers no adapter";
    throw new UnsupportedError(`Cannot open WebGPU: this browser does not grant it: ${why}`);
  }
  return requestFrom(await createPackaged());
}

/** What a device or adapter came from. The package's `create()` object must outlive all that came out of it, or the process aborts. */
const owners = new WeakMap<GPUDevice | GPUAdapter, GPU | GPUAdapter>();

/** A device with the features and limits that every device has, but tensors may begin wherever the adapter lets them. */
export async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const { minStorageBufferOffsetAlignment, minUniformBufferOffsetAlignment } = adapter.limits;
  const requiredLimits = { minStorageBufferOffsetAlignment, minUniformBufferOffsetAlignment };
  const device = await adapter.requestDevice({ label: "elapid", requiredLimits });
  owners.set(device, adapter);
  return device;
}

async function requestFrom(gpu: GPU): Promise<GPUAdapter> {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new UnsupportedError(`Cannot open WebGPU: no adapter was found; ${DRIVER_HELP}`);
  owners.set(adapter, gpu);
  return adapter;
}

async function createPackaged(): Promise<GPU> {
  // held in a variable so that bundlers for browsers do not look for it
  const name = "webgpu";
  let dawn: { create(options: string[]): GPU };
  try {
    dawn = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
  } catch (cause) {
    throw new UnsupportedError(
      'Cannot open WebGPU: this runtime has no navigator.gpu and the package "webgpu" could not be loaded; "npm i webgpu" installs it',
      { cause },
    );
  }
  return dawn.create([]);
}

/** Computes a few numbers to see whether the device computes at all. */
export async function computes(device: GPUDevice): Promise<boolean> {
  const module = device.createShaderModule({
    code: `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
      @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) { y[id.x] = 7u * id.x + 40961u; }`,
  });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const result = device.createBuffer({ size: 16, usage: usage.storage | usage.copySource });
  const staging = device.createBuffer({ size: 16, usage: usage.mapRead | usage.copyTarget });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer: result } }],
    }),
  );
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(result, 0, staging, 0, 16);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(usage.mapRead);
  const right = new Uint32Array(staging.getMappedRange()).every((value, i) => value === 7 * i + 40961);
  staging.destroy();
  result.destroy();
  return right;
}
