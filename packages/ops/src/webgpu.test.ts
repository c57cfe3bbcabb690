import { existsSync } from "node:fs";
import { byteLength, Device, sumRowsOp, type Tensor } from "@elapid/tensor";
import { expectClose } from "@elapid/testing";
import { compileKernel, kernelVariants, openWebGpu } from "@elapid/webgpu";
import { create } from "webgpu";
import { describe, expect, test } from "vitest";
import { crossEntropy } from "./cross-entropy/cross-entropy.ts";
import { embeddingBackward } from "./embedding/embedding.backward.ts";
import { embedding } from "./embedding/embedding.ts";
import { layerNormBackward } from "./layer-norm/layer-norm.backward.ts";
import { matmulInputGradient, matmulWeightGradient } from "./matmul/matmul.backward.ts";
import { SUM_BLOCK } from "./matmul/matmul.block.ts";
import { FEW_ROWS } from "./matmul/matmul.few-rows.wgsl.ts";
import { matmul } from "./matmul/matmul.ts";
import { rmsNormBackward } from "./rms-norm/rms-norm.backward.ts";
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
    headDim: 5,
    valueDim: 7,
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
    headDim: 64,
    valueDim: 130,
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
  const calls: { name: string; run: (device: Device) => Tensor; limit?: number }[] = [
    {
      name: "embedding",
      run: (device) => embedding(device.tensor(ids), device.tensor(values(vocab * model, 1), [vocab, model])),
    },
    {
      name: "embedding.backward",
      run: (device) => {
        const dy = device.tensor(values(rows * model, 1), [rows, model]);
        const weight = device.tensor(values(vocab * model, 2), [vocab, model]);
        return embeddingBackward({ ids: device.tensor(ids), dy, weight }).dweight;
      },
    },
    {
      name: "matmul.input-gradient",
      run: (device) => {
        const dy = device.tensor(values(rows * vocab, 2), [rows, vocab]);
        const weight = device.tensor(values(vocab * model, 3), [vocab, model]);
        return matmulInputGradient({ dy, weight }).dx;
      },
    },
    {
      name: "matmul.weight-gradient",
      run: (device) => {
        const dy = device.tensor(values(rows * vocab, 2), [rows, vocab]);
        const x = device.tensor(values(rows * model, 3), [rows, model]);
        return matmulWeightGradient({ dy, x }).dweight;
      },
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

  /** What a call gives with tensors in one binding and in several. */
  async function results(run: (device: Device) => Tensor, limit = 64 * 4 * vocab): Promise<Float32Array[]> {
    // Debian's chromium ships a software Vulkan driver that Dawn accepts
    const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
    if (existsSync(driver)) process.env.VK_ICD_FILENAMES ??= driver;
    const both: Float32Array[] = [];
    for (const maxBindingBytes of [2 ** 27, limit]) {
      const backend = await openWebGpu({ kernels, allowSoftware: true, maxBindingBytes });
      const device = new Device(backend, { strict: true });
      both.push((await run(device).data()) as Float32Array);
      device.dispose();
    }
    return both;
  }

  // few rows, so that only the weights are larger than 8 KiB
  const narrow = (["f16", "bf16", "q8", "q4"] as const).flatMap((dtype) => {
    const weight = (device: Device) => device.tensor(values(vocab * model, 3), [vocab, model], dtype);
    return [
      {
        name: `embedding in ${dtype}`,
        run: (device: Device) => embedding(device.tensor(ids.subarray(0, 9)), weight(device)),
        limit: 8192,
      },
      ...[1, FEW_ROWS + 1].map((count) => ({
        name: `matmul of ${count} rows with ${dtype}`,
        run: (device: Device) => matmul(device.tensor(values(count * model, 2), [count, model]), weight(device)),
        limit: 8192,
      })),
      {
        name: `gradient through ${dtype}`,
        run: (device: Device) => {
          const dy = device.tensor(values(7 * vocab, 2), [7, vocab]);
          return matmulInputGradient({ dy, weight: weight(device) }).dx;
        },
        limit: byteLength(dtype, [2 * SUM_BLOCK, model]),
      },
    ];
  });

  test.each([...calls, ...narrow])("$name gives the same bits as over one", async ({ run, limit }) => {
    const [one, several] = await results(run, limit);
    expect(several).toEqual(one);
    expect(one.some((value) => value !== 0)).toBe(true);
  });

  const matrix = (device: Device, seed: number) => device.tensor(values(rows * vocab, seed), [rows, vocab]);
  const normInputs = (device: Device) => ({
    x: matrix(device, 1),
    weight: device.tensor(values(vocab, 2)),
    dy: matrix(device, 3),
  });
  const sums: { name: string; run: (device: Device) => Tensor }[] = [
    { name: "sum-rows", run: (device) => sumRowsOp({ x: matrix(device, 1) }).y },
    { name: "rms-norm.backward dx", run: (device) => rmsNormBackward(normInputs(device)).dx },
    { name: "rms-norm.backward dweight", run: (device) => rmsNormBackward(normInputs(device)).dweight },
    { name: "layer-norm.backward dbias", run: (device) => layerNormBackward(normInputs(device)).dbias },
  ];
  test.each(sums)("$name adds up", async ({ name, run }) => {
    const [one, several] = await results(run);
    expectClose(several, one, { relative: 1e-6, label: name });
  });
});
