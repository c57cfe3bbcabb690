import { defineKernel, groupIndex, wgsl, type Wgsl } from "@elapid/webgpu";
import { adamwOp } from "./adamw.ts";
import { emaOp } from "./ema.ts";
import { lionOp } from "./lion.ts";
import { sgdOp } from "./sgd.ts";

// One invocation an element; memory bounds them. A share that is kept is written `x - (1 - share) · x`: a share
// near 1 has lost digits as a float that its complement has.

const WORKGROUP = 64;

const elements = {
  along: "rows",
  workgroups: ({ rows }: { readonly rows: number }) => Math.ceil(rows / WORKGROUP),
} as const;

/** Calls the WGSL function `step(i)` for every element. */
const everyElement = (step: Wgsl): Wgsl => wgsl`
  ${groupIndex}
  ${step}
  @compute @workgroup_size(${WORKGROUP})
  fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
  ) {
    let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
    if (i < dims.rows) { step(i); }
  }
`;

/** `1 - exp(x)` for `x` below 0, by its series where the difference would cancel. */
const complement = wgsl`
fn complement(x: f32) -> f32 {
  let series = -x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0))))));
  return select(1.0 - exp(x), series, x > -0.5);
}`;

/** Natural logarithm of a share; that of 0 is a number whose exponential is 0. */
const logarithm = (share: number): number => Math.max(Math.log(share), -1000);

/** The betas are constants of the text, which keeps their digits; what changes from step to step is not. */
export const adamwKernel = defineKernel(adamwOp, {
  ...elements,
  source: (_, { attributes: { beta1, beta2 } }) =>
    everyElement(wgsl`${complement}
      fn step(i: u32) {
        let g = dims.gradientScale * gradient[i];
        // not plainly the constant, which where it is 1 lets a compiler cancel what was there, NaN and all
        let restM = select(f32(${1 - beta1}), 1.0 - dims.beta1, dims.beta1 == 0.0);
        let restV = select(f32(${1 - beta2}), 1.0 - dims.beta2, dims.beta2 == 0.0);
        let nextM = m[i] - restM * m[i] + restM * g;
        let nextV = v[i] - restV * v[i] + restV * g * g;
        let stepSize = dims.lr / complement(dims.step * f32(${logarithm(beta1)}));
        let below = sqrt(nextV / complement(dims.step * f32(${logarithm(beta2)}))) + dims.eps;
        let old = parameter[i];
        newParameter[i] = old - dims.lr * dims.weightDecay * old - stepSize * nextM / below;
        newM[i] = nextM;
        newV[i] = nextV;
      }`),
});

export const sgdKernel = defineKernel(sgdOp, {
  ...elements,
  source: () =>
    everyElement(wgsl`
      fn step(i: u32) {
        let g = dims.gradientScale * gradient[i] + dims.weightDecay * parameter[i];
        let next = dims.momentum * velocity[i] + g;
        newParameter[i] = parameter[i] - dims.lr * select(next, g + dims.momentum * next, nesterov);
        newVelocity[i] = next;
      }`),
});

export const lionKernel = defineKernel(lionOp, {
  ...elements,
  source: () =>
    everyElement(wgsl`
      fn step(i: u32) {
        let g = dims.gradientScale * gradient[i];
        let old = m[i];
        let c = old + (1.0 - dims.beta1) * (g - old);
        let direction = select(select(c, -1.0, c < 0.0), 1.0, c > 0.0);
        newParameter[i] = parameter[i] - dims.lr * (direction + dims.weightDecay * parameter[i]);
        newM[i] = old + (1.0 - dims.beta2) * (g - old);
      }`),
});

export const emaKernel = defineKernel(emaOp, {
  ...elements,
  source: () =>
    everyElement(wgsl`
      fn step(i: u32) { newAverage[i] = average[i] + (1.0 - dims.decay) * (parameter[i] - average[i]); }`),
});
