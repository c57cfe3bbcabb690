import { existsSync } from "node:fs";
import { Device, type Tensor } from "@elapid/tensor";
import { compileKernel, kernelVariants, openWebGpu } from "@elapid/webgpu";
import { create } from "webgpu";
import { describe, expect, test } from "vitest";
import { crossEntropy } from "./cross-entropy/cross-entropy.ts";
import { embedding } from "./embedding/embedding.ts";
import { FEW_ROWS } from "./matmul/matmul.few-rows.wgsl.ts";
import { matmul } from "./matmul/matmul.ts";
import { rmsNorm } from "./rms-norm/rms-norm.ts";
import { kernels } from "./webgpu.ts";

// Dawn's null backend compiles everything and needs no driver; what create() gives must outlive the device
const gpu = create(["backend=null"]);
const adapter = await gpu.requestAdapter();
const dawn = { gpu, device: await adapter!.requestDevice() };

const sizes = [
  {
    rows: 1,
    in: 33,
    out: 5,
    size: 3,
    features: 7,
    vocab: 11,
    outer: 2,
    full: 4,
    part: 2,
    first: 1,
    second: 2,
    both: 3,
    inner: 5,
  },
  {
    rows: FEW_ROWS + 1,
    in: 64,
    out: 64,
    size: 1,
    features: 64,
    vocab: 64,
    outer: 1,
    full: 1,
    part: 1,
    first: 1,
    second: 1,
    both: 2,
    inner: 1,
  },
];

describe.each(kernels.map((kernel) => ({ name: kernel.op.name, algorithm: kernel.algorithm ?? "", kernel })))(
  "$name $algorithm",
  ({ kernel }) => {
    test.each(kernelVariants(kernel))("compiles with $given $attributes", async (variant) => {
      let compiled = 0;
      for (const dims of sizes) compiled += await compileKernel(dawn.device, kernel, dims, variant);
      expect(compiled).toBeGreaterThan(0);
    });
  },
);

describe("tensors over several bindings", () => {
  const [rows, model, vocab] = [70, 100, 150];
  const values = (size: number, seed: number) =>
    Float32Array.from({ length: size }, (_, i) => Math.sin(seed + i * 1.7));
  const ids = Int32Array.from({ length: rows }, (_, i) => (i * 37) % vocab);
  const calls: { name: string; run: (device: Device) => Tensor }[] = [
    {
      name: "embedding",
      run: (device) => embedding(device.tensor(ids), device.tensor(values(vocab * model, 1), [vocab, model])),
    },
    ...[1, rows].map((count) => ({
      name: `matmul of ${count} rows`,
      run: (device: Device) => {
        const x = device.tensor(values(count * model, 2), [count, model]);
        const weight = device.tensor(values(vocab * model, 3), [vocab, model]);
        return matmul(x, weight, device.tensor(values(vocab, 4)));
      },
    })),
    {
      name: "crossEntropy",
      run: (device) => crossEntropy(device.tensor(values(rows * vocab, 5), [rows, vocab]), device.tensor(ids)),
    },
    {
      name: "rmsNorm",
      run: (device) => rmsNorm(device.tensor(values(rows * vocab, 6), [rows, vocab]), device.tensor(values(vocab, 7))),
    },
  ];

  test.each(calls)("$name gives the same bits as over one", async ({ run }) => {
    // Debian's chromium ships a software Vulkan driver that Dawn accepts
    const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
    if (existsSync(driver)) process.env.VK_ICD_FILENAMES ??= driver;
    const results: Float32Array[] = [];
    for (const maxBindingBytes of [2 ** 27, 64 * 4 * vocab]) {
      const backend = await openWebGpu({ kernels, allowSoftware: true, maxBindingBytes });
      const device = new Device(backend, { strict: true });
      results.push((await run(device).data()) as Float32Array);
      device.dispose();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[0].some((value) => value !== 0)).toBe(true);
  });
});
