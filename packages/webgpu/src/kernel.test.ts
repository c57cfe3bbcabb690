import { defineOp, optional, optionalInts } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { defineKernel, type Kernel } from "./kernel.ts";
import { bindingsOf, moduleText, uniformBytes } from "./module.ts";
import { fold } from "./plan.ts";
import { wgsl } from "./wgsl.ts";

const op = defineOp({
  name: "sample",
  inputs: { x: "... features", bias: optional("features"), mask: optionalInts("...") },
  outputs: { y: "... features" },
  attributes: { eps: 0.5, start: 3, gated: true, activation: "none" as string },
  reference: () => {},
});
const dims = { rows: 2, features: 5 };
const context = (...given: string[]) => ({
  attributes: op.attributes,
  given: new Set(given),
  features: new Set<string>(),
  limits: { bindingBytes: 2 ** 27 },
});
const pass = { workgroups: () => 1, source: () => wgsl`fn main() {}` };

describe("defineKernel", () => {
  test("takes bindings, names and order from the op, and leaves out what was not given", () => {
    const kernel = defineKernel(op, {
      ...pass,
      source: () => wgsl`fn main() { if (hasMask && gated) { y[0] = bias[0]; } }`,
    });
    expect(bindingsOf(kernel, kernel.passes[0], new Set(["mask"]))).toEqual([
      { name: "x", type: "f32", writable: false },
      { name: "mask", type: "i32", writable: false },
      { name: "y", type: "f32", writable: true },
    ]);
    expect(moduleText(kernel, kernel.passes[0], dims, context("mask")).split("\n")).toEqual([
      "struct Dims { rows: u32, features: u32, eps: f32, start: f32 }",
      "@group(0) @binding(0) var<uniform> dims: Dims;",
      "@group(0) @binding(1) var<storage, read> x: array<f32>;",
      "@group(0) @binding(2) var<storage, read> mask: array<i32>;",
      "@group(0) @binding(3) var<storage, read_write> y: array<f32>;",
      "var<private> bias: array<f32, 1>;",
      "const hasMask = true;",
      "const gated = true;",
      "fn main() { if (hasMask && gated) { y[0] = bias[0]; } }",
    ]);
  });

  test("packs sizes, attributes and the part into the uniform", () => {
    const kernel = defineKernel(op, { ...pass, integers: ["start"], split: "x" });
    const view = new DataView(uniformBytes(kernel, dims, op.attributes, { first: 7, count: 4 }));
    expect([0, 4, 8, 12].map((at) => view.getUint32(at, true))).toEqual([2, 5, 7, 4]);
    expect(view.getFloat32(16, true)).toBe(0.5);
    expect(view.getInt32(20, true)).toBe(3);
    expect(view.byteLength).toBe(32);
  });

  test("counts what it moves: what passes bind, once, but for what they say otherwise", () => {
    const kernel = defineKernel(op, {
      scratch: { sums: ({ rows }) => 3 * rows },
      passes: [
        { ...pass, binds: ["x", "bias", "sums"], moves: ({ rows }) => ({ sums: rows }) },
        { ...pass, binds: ["sums", "y"], moves: ({ rows, features }) => ({ y: 2 * rows * features }) },
        { ...pass, workgroups: () => 0 },
      ],
    });
    // x, 2 of sums; sums, y twice
    expect(kernel.traffic(dims, { given: new Set() })).toEqual({ moved: 4 * (10 + 2 + 6 + 20), least: 4 * 20 });
    expect(kernel.traffic(dims, { given: new Set(["bias"]) })).toEqual({ moved: 4 * 43, least: 4 * 25 });
  });

  test("gives a pass the tensors that it names, scratch among them", () => {
    const kernel: Kernel = defineKernel(op, {
      scratch: { sums: ({ rows }) => rows },
      passes: [
        { ...pass, binds: ["x", "sums"] },
        { ...pass, binds: ["sums", "y"] },
      ],
    });
    expect(kernel.passes.map((each) => bindingsOf(kernel, each, new Set()).map(({ name }) => name))).toEqual([
      ["x", "sums"],
      ["sums", "y"],
    ]);
  });

  test("binds small inputs as uniforms, given or not", () => {
    const kernel = defineKernel(op, {
      ...pass,
      binds: ["x", "y"],
      uniforms: ["bias", "mask"],
      source: () => wgsl`fn main() { if (maskAt(0) > 0) { y[0] = biasAt(4); } }`,
    });
    expect(bindingsOf(kernel, kernel.passes[0], new Set(["bias"]))).toEqual([
      { name: "x", type: "f32", writable: false },
      { name: "y", type: "f32", writable: true },
      { name: "bias", type: "f32", writable: false, uniform: true },
    ]);
    const text = moduleText(kernel, kernel.passes[0], dims, context("bias"));
    expect(text).toContain("@group(0) @binding(3) var<uniform> bias: array<vec4<f32>, 2>;");
    expect(text).toContain("fn maskAt(i: u32) -> i32 { return i32(); }");
  });

  test("refuses a pass that binds what is not there, or too much", () => {
    expect(() => defineKernel(op, { ...pass, binds: ["w"] })).toThrow(
      'Cannot define a kernel of "sample": w is neither a tensor of it nor scratch',
    );
    expect(() => defineKernel(op, { ...pass, binds: Array(9).fill("x") })).toThrow(
      "a pass binds 9 tensors but at most 8 are granted everywhere",
    );
    expect(() => defineKernel(op, { ...pass, binds: [], uniforms: ["w"] })).toThrow("w is neither a tensor of it");
  });
});

describe("fold", () => {
  test("lays workgroups out in up to three directions and loses none", () => {
    expect(fold(0)).toEqual([0, 1, 1]);
    expect(fold(65_535)).toEqual([65_535, 1, 1]);
    expect(fold(65_536)).toEqual([32_768, 2, 1]);
    for (const count of [100_001, 65_535 ** 2, 65_535 ** 2 + 1, 2 ** 40]) {
      const [x, y, z] = fold(count);
      expect(x * y * z).toBeGreaterThanOrEqual(count);
      expect(Math.max(x, y, z)).toBeLessThanOrEqual(65_535);
      expect(x * y * z - count).toBeLessThan(count / 100);
    }
  });
});
