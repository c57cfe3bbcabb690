import { binaryOps, unaryOps } from "@elapid/tensor";
import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { siluOp } from "./silu.ts";

type UnaryOp = (typeof unaryOps)["exp"];
type BinaryOp = (typeof binaryOps)["add"];

export const unary = (op: UnaryOp, entry: string) =>
  defineKernel(op, {
    module: kernels,
    entry,
    units: ({ rows }) => rows,
    grain: 4,
    args: ({ inputs, outputs }) => [inputs.x, outputs.y],
  });

const binary = (op: BinaryOp, entry: string) =>
  defineKernel(op, {
    module: kernels,
    entry,
    units: ({ rows, size }) => rows * size,
    grain: 4,
    args: ({ dims, inputs, outputs }) => [dims.size, inputs.a, inputs.b, outputs.y],
  });

export const elementwiseKernels = [
  unary(unaryOps.exp, "unaryExp"),
  unary(unaryOps.neg, "unaryNeg"),
  unary(siluOp, "unarySilu"),
  binary(binaryOps.add, "binaryAdd"),
  binary(binaryOps.mul, "binaryMul"),
];
