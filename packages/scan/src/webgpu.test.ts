import { compileKernel, FORWARD_PROGRESS, kernelVariants } from "@elapid/webgpu";
import { create } from "webgpu";
import { describe, expect, test } from "vitest";
import { kernels } from "./webgpu.ts";

// Dawn's null backend compiles everything and needs no driver; what create() gives must outlive the device
const gpu = create(["backend=null"]);
const adapter = await gpu.requestAdapter();
const dawn = { gpu, device: await adapter!.requestDevice() };

const rows = (batch: number, time: number) => ({
  batchB: batch,
  timeB: time,
  groupsB: 1,
  batchC: batch,
  timeC: time,
  groupsC: 1,
});
const sizes = [
  {
    batch: 2,
    outer: 2,
    part: 1,
    time: 3,
    inner: 5,
    state: 16,
    width: 4,
    window: 3,
    rows: 2,
    complex: 2,
    heads: 4,
    headDim: 5,
    groups: 2,
    rank: 2,
    pairs: 3,
    parts: 2,
    taps: 3,
    hidden: 5,
    gates: 15,
    ...rows(2, 3),
  },
  {
    batch: 1,
    outer: 1,
    part: 1,
    time: 1,
    inner: 1,
    state: 1,
    width: 1,
    window: 0,
    rows: 1,
    complex: 2,
    heads: 1,
    headDim: 1,
    groups: 1,
    rank: 1,
    pairs: 0,
    parts: 1,
    taps: 1,
    hidden: 300,
    gates: 900,
    ...rows(1, 1),
  },
  // long enough for what is chunked over time, and for a transform that no workgroup holds
  // each channel has a B for itself, and groups have a C
  {
    batch: 1,
    outer: 1,
    part: 1,
    time: 5000,
    inner: 6,
    state: 3,
    width: 1,
    window: 0,
    rows: 1,
    complex: 2,
    heads: 1,
    headDim: 1,
    groups: 1,
    rank: 1,
    pairs: 0,
    parts: 1,
    taps: 5000,
    hidden: 1,
    gates: 3,
    ...rows(1, 5000),
    batchB: 1,
    timeB: 1,
    groupsB: 6,
    groupsC: 2,
  },
];
const features = [new Set<string>(), new Set([FORWARD_PROGRESS])];
const choices = {
  activation: ["none", "silu"],
  rotation: ["pairwise", "halved"],
  rule: ["zoh", "bilinear", "euler", "backward-euler"],
};

describe.each(kernels.map((kernel) => ({ name: kernel.op.name, algorithm: kernel.algorithm ?? "", kernel })))(
  "$name $algorithm",
  ({ kernel }) => {
    test.each(kernelVariants(kernel, choices))("compiles with $given $attributes", async (variant) => {
      let compiled = 0;
      for (const dims of sizes) {
        for (const told of features) compiled += await compileKernel(dawn.device, kernel, dims, variant, told);
      }
      expect(compiled).toBeGreaterThan(0);
    });
  },
);
