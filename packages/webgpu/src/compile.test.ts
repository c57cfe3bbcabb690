import { expect, test } from "vitest";
import { compileKernel, kernelVariants } from "./compile.ts";
import { affine, affineKernel, openNull } from "./gpu.fixture.ts";
import { defineKernel } from "./kernel.ts";
import { wgsl } from "./wgsl.ts";

const device = await openNull();

test("walks optional inputs and switches", () => {
  expect(kernelVariants(affineKernel).map(({ given }) => [...given])).toEqual([[], ["offset"]]);
});

test("compiles without a driver, and shows the line that does not", async () => {
  for (const variant of kernelVariants(affineKernel)) {
    expect(await compileKernel(device, affineKernel, { rows: 1 }, variant)).toBe(1);
  }
  const broken = defineKernel(affine, {
    workgroups: () => 1,
    suits: ({ rows }) => rows > 1,
    source: () => wgsl`
      @compute @workgroup_size(1) fn main() {
        y[0] = 1u;
      }
    `,
  });
  const [variant] = kernelVariants(broken);
  expect(await compileKernel(device, broken, { rows: 1 }, variant)).toBe(0);
  await expect(compileKernel(device, broken, { rows: 2 }, variant)).rejects.toThrow(
    /^its WGSL does not compile: .*, in "y\[0\] = 1u;"$/,
  );
});
