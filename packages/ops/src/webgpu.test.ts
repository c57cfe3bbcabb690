import { compileKernel, kernelVariants } from "@elapid/webgpu";
import { create } from "webgpu";
import { describe, expect, test } from "vitest";
import { FEW_ROWS } from "./matmul/matmul.few-rows.wgsl.ts";
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
