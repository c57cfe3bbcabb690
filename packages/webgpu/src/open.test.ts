import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Device, UnsupportedError } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { classify } from "./adapter.ts";
import { affine, affineKernel, createDawn, openSoftware } from "./gpu.fixture.ts";
import { openWebGpu } from "./open.ts";
import { probeAdapter } from "./probe.ts";

/** Runs a program with Node and gives what it printed; it is ended after a minute. */
async function node(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@elapid/source", ...args], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    env: { ...process.env, ...env },
    timeout: 60_000,
  });
  return stdout;
}

/** The adapter of a GPU, under another name. */
async function callItself(gpu: GPU, info: Partial<GPUAdapterInfo>): Promise<GPUAdapter> {
  const adapter = (await gpu.requestAdapter())!;
  Object.defineProperty(adapter, "info", { value: info });
  return adapter;
}

describe("classify", () => {
  test.each([
    {
      vendor: "google",
      architecture: "swiftshader",
      device: "swiftshader-device-subzero-",
      description: "SwiftShader driver 5.0.0",
    },
    { vendor: "mesa", architecture: "", device: "", description: "llvmpipe (LLVM 15.0.6, 256 bits)" },
    { vendor: "", architecture: "", device: "", description: "llvmpipe (LLVM 15.0.6, 256 bits)" },
    { vendor: "microsoft", architecture: "warp", device: "", description: "Microsoft Basic Render Driver" },
    { vendor: "acme", architecture: "", device: "", description: "", isFallbackAdapter: true },
  ])("knows $vendor $architecture $description for software", (info) => {
    expect(classify(info)).toMatchObject({ software: true, nullBackend: false });
  });

  test.each([
    { vendor: "nvidia", architecture: "hopper", device: "", description: "NVIDIA H200" },
    { vendor: "apple", architecture: "common-3", device: "", description: "" },
    { vendor: "intel", architecture: "xe-2lpg", device: "", description: "Intel(R) open-source Mesa driver" },
  ])("knows $vendor $architecture for a GPU", (info) => {
    expect(classify(info)).toMatchObject({ software: false, nullBackend: false });
  });
});

describe("openWebGpu", () => {
  test("describes what it opened", async () => {
    const device = await openSoftware({ kernels: [] });
    expect(device.kind).toBe("webgpu");
    expect(device.description).toMatch(/^webgpu: .+/);
    device.dispose();
  });

  test("takes no software adapter unless it is allowed to", async () => {
    const adapter = await callItself(createDawn(), { vendor: "mesa", architecture: "llvmpipe" });
    const opening = openWebGpu({ kernels: [], adapter });
    await expect(opening).rejects.toThrow(UnsupportedError);
    await expect(opening).rejects.toThrow(
      'Cannot open WebGPU: the adapter "mesa llvmpipe" is software but a GPU was needed; "allowSoftware" takes it all the same',
    );
  });

  test("never takes the null backend", async () => {
    const gpu = createDawn("backend=null");
    await expect(openWebGpu({ kernels: [], gpu, allowSoftware: true })).rejects.toThrow(/answers but computes nothing/);
  });

  test("finds out by computing when an adapter hides that it is the null backend", async () => {
    const adapter = await callItself(createDawn("backend=null"), { vendor: "acme", architecture: "one" });
    await expect(openWebGpu({ kernels: [], adapter })).rejects.toThrow(
      'the adapter "acme one" answers but computes nothing',
    );
  });

  test("takes an adapter from its caller", async () => {
    const adapter = await callItself(createDawn(), { vendor: "acme", architecture: "two" });
    const device = new Device(await openWebGpu({ kernels: [affineKernel], adapter }));
    expect(device.description).toBe("webgpu: acme two");
    expect([...(await affine({ x: device.tensor([2]) }, { factor: 3 }).y.data())]).toEqual([6]);
    device.dispose();
  });

  test("survives the collection of garbage and lets a process end that leaves a device open", async () => {
    expect(await node(["--expose-gc", "exits.fixture.ts"])).toBe("2,4,6\n3,6,9\n");
  });
});

describe("probeAdapter", () => {
  test("reports a software adapter as available, not as hardware", async () => {
    const adapter = await callItself(createDawn(), { vendor: "mesa", architecture: "llvmpipe" });
    expect(await probeAdapter({ adapter })).toMatchObject({
      available: true,
      hardware: false,
      software: true,
      nullBackend: false,
      description: "mesa llvmpipe",
      reason: 'the WebGPU adapter "mesa llvmpipe" is software',
    });
  });

  test("reports a GPU as hardware, with features and limits", async () => {
    const adapter = await callItself(createDawn(), { vendor: "acme", architecture: "two" });
    const report = await probeAdapter({ adapter });
    expect(report).toMatchObject({ available: true, hardware: true, software: false });
    expect(report.reason).toBe("a WebGPU adapter was found: acme two");
    expect(report.features).toContain("core-features-and-limits");
    expect(report.limits.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(2 ** 27);
  });

  test("reports the null backend as not available", async () => {
    const report = await probeAdapter({ gpu: createDawn("backend=null") });
    expect(report).toMatchObject({ available: false, hardware: false, nullBackend: true });
    expect(report.reason).toMatch(/computes nothing$/);
  });

  test("says what to install where there is no adapter", async () => {
    const program =
      'const { probeAdapter } = await import("@elapid/webgpu"); console.log(JSON.stringify(await probeAdapter()));';
    const output = await node(["--input-type=module", "-e", program], { VK_ICD_FILENAMES: "/nowhere.json" });
    const report = JSON.parse(output.trim().split("\n").at(-1)!);
    expect(report).toMatchObject({ available: false, hardware: false, software: false });
    expect(report.reason).toMatch(
      /^WebGPU: no adapter was found; a Vulkan driver of the GPU is needed; .*apt-get install libvulkan1 chromium/,
    );
  });
});
