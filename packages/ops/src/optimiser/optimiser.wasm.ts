import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { adamwOp } from "./adamw.ts";
import { emaOp } from "./ema.ts";
import { lionOp } from "./lion.ts";
import { sgdOp } from "./sgd.ts";

const elements = { units: ({ rows }: { readonly rows: number }) => rows, grain: 4 };

export const optimiserKernels = [
  defineKernel(adamwOp, {
    module: kernels,
    entry: "adamw",
    ...elements,
    args: ({ attributes, inputs, outputs }) => {
      const { lr, beta1, beta2, eps, weightDecay, gradientScale, step } = attributes;
      return [
        f32Bits(gradientScale),
        f32Bits(1 - beta1),
        f32Bits(1 - beta2),
        f32Bits(lr * weightDecay),
        f32Bits(lr / (1 - beta1 ** step)),
        f32Bits(1 / Math.sqrt(1 - beta2 ** step)),
        f32Bits(eps),
        inputs.parameter,
        inputs.gradient,
        inputs.m,
        inputs.v,
        outputs.newParameter,
        outputs.newM,
        outputs.newV,
      ];
    },
  }),
  defineKernel(sgdOp, {
    module: kernels,
    entry: "sgd",
    ...elements,
    args: ({ attributes: { lr, momentum, nesterov, weightDecay, gradientScale }, inputs, outputs }) => [
      f32Bits(gradientScale),
      f32Bits(weightDecay),
      f32Bits(momentum),
      f32Bits(lr),
      Number(nesterov),
      inputs.parameter,
      inputs.gradient,
      inputs.velocity,
      outputs.newParameter,
      outputs.newVelocity,
    ],
  }),
  defineKernel(lionOp, {
    module: kernels,
    entry: "lion",
    ...elements,
    args: ({ attributes: { lr, beta1, beta2, weightDecay, gradientScale }, inputs, outputs }) => [
      f32Bits(gradientScale),
      f32Bits(1 - beta1),
      f32Bits(1 - beta2),
      f32Bits(weightDecay),
      f32Bits(lr),
      inputs.parameter,
      inputs.gradient,
      inputs.m,
      outputs.newParameter,
      outputs.newM,
    ],
  }),
  defineKernel(emaOp, {
    module: kernels,
    entry: "ema",
    ...elements,
    args: ({ attributes: { decay }, inputs, outputs }) => [
      f32Bits(1 - decay),
      inputs.average,
      inputs.parameter,
      outputs.newAverage,
    ],
  }),
];
