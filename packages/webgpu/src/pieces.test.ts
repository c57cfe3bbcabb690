import { defineOp, type OpCall, type View } from "@elapid/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { GpuMemory, partBytes } from "./buffers.ts";
import { openNull } from "./gpu.fixture.ts";
import { defineKernel } from "./kernel.ts";
import { piecesOf } from "./pieces.ts";
import { wgsl } from "./wgsl.ts";

const op = defineOp({
  name: "project",
  inputs: { x: "... in", weight: "out in", scale: "in" },
  outputs: { y: "... out" },
  reference: () => {},
});
const pass = { workgroups: () => 1, source: () => wgsl`` };
const limits = { maxBytes: 64 * 4 * 8, alignment: 256 };

let buffer: GPUBuffer;
beforeAll(async () => void (buffer = (await openNull()).createBuffer({ size: 256, usage: 128 })));

/** A tensor in as many parts as the limits ask for, from a byte of its memory on. */
function view(shape: readonly number[], offset = 0): View {
  const bytes = shape.reduce((product, length) => product * length, 4);
  const part = partBytes(bytes + offset, 4 * shape[shape.length - 1], limits.maxBytes, limits.alignment);
  const buffers = Array.from({ length: Math.ceil((bytes + offset) / part) }, () => buffer);
  return { allocation: new GpuMemory(bytes + offset, part, buffers), offset, shape, dtype: "f32" };
}

function call(rows: number, inner: number, out: number, views: Partial<Record<string, View>> = {}): OpCall {
  return {
    op,
    dims: { rows, in: inner, out },
    attributes: {},
    inputs: { x: view([rows, inner]), weight: view([out, inner]), scale: view([inner]), ...views },
    outputs: { y: view([rows, out]) },
  };
}

describe("piecesOf", () => {
  const kernel = defineKernel(op, { ...pass, split: "weight", along: "rows" });
  const ranges = (pieces: ReturnType<typeof piecesOf>) =>
    pieces?.map(({ dims, part, tensors }) => [dims.rows, part?.first, part?.count, tensors.get("x")!.offset]);

  test("leaves a call whole whose tensors fit", () => {
    expect(ranges(piecesOf(kernel, call(3, 8, 5), limits))).toEqual([[3, 0, 5, 0]]);
  });

  test("cuts at every place where a tensor is cut, and runs each range over each part", () => {
    expect(ranges(piecesOf(kernel, call(70, 4, 8), limits))).toEqual([
      [64, 0, 8, 0],
      [6, 0, 8, 64 * 16],
    ]);
    expect(ranges(piecesOf(kernel, call(70, 8, 70), limits))).toBeUndefined(); // rows of y are cut at 7, where x may not be bound
    expect(ranges(piecesOf(kernel, call(70, 8, 8, { weight: view([70, 8]) }), limits))).toEqual([
      [64, 0, 64, 0],
      [6, 0, 64, 0],
      [64, 64, 6, 0],
      [6, 64, 6, 0],
    ]);
  });

  test("tells where a range begins", () => {
    expect(piecesOf(kernel, call(70, 4, 8), limits)?.map(({ dims }) => dims.rangeFirst)).toEqual([0, 64]);
  });

  test("cuts an output that the kernel splits", () => {
    const splitsOutput = defineKernel(op, { ...pass, split: "y" });
    expect(ranges(piecesOf(splitsOutput, call(70, 4, 8), limits))).toEqual([
      [70, 0, 64, 0],
      [70, 64, 6, 0],
    ]);
  });

  test("leaves aside what no pass binds", () => {
    const large = call(3, 8, 5, { weight: view([70, 8]) });
    expect(piecesOf(defineKernel(op, pass), large, limits)).toBeUndefined();
    expect(piecesOf(defineKernel(op, { ...pass, binds: ["x", "y"] }), large, limits)).toHaveLength(1);
  });

  test("refuses what cannot be bound", () => {
    const whole = defineKernel(op, pass);
    expect(piecesOf(whole, call(3, 8, 5), limits)).toHaveLength(1);
    expect(piecesOf(whole, call(70, 8, 8), limits)).toBeUndefined();
    expect(piecesOf(whole, call(3, 8, 5, { x: view([3, 8], 4) }), limits)).toBeUndefined();
    const scratch = defineKernel(op, { ...pass, scratch: { sums: ({ rows }) => 1000 * rows } });
    expect(piecesOf(scratch, call(1, 8, 5), limits)).toBeUndefined();
  });
});
