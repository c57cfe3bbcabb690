import { unaryOps } from "@elapid/tensor";
import { defineKernel, exponential, groupIndex, silu, softplus, wgsl, type Kernel, type Wgsl } from "@elapid/webgpu";
import { geluOp } from "./gelu.ts";
import { normal } from "./normal.wgsl.ts";
import { sigmoidOp } from "./sigmoid.ts";
import { siluOp } from "./silu.ts";
import { softplusOp } from "./softplus.ts";

const WORKGROUP = 64;

/** One invocation an element. Nothing is shared; one read and one write each, so memory bounds it. */
function unary(op: typeof siluOp, apply: Wgsl): Kernel {
  return defineKernel(op, {
    along: "rows",
    workgroups: ({ rows }) => Math.ceil(rows / WORKGROUP),
    source: () => wgsl`
      ${groupIndex}
      ${apply}
      @compute @workgroup_size(${WORKGROUP})
      fn main(
        @builtin(workgroup_id) group: vec3u,
        @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32,
      ) {
        let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
        if (i >= dims.rows) { return; }
        y[i] = apply(x[i]);
      }
    `,
  });
}

export const expKernel = unary(unaryOps.exp, wgsl`${exponential} fn apply(x: f32) -> f32 { return exponential(x); }`);
export const negKernel = unary(unaryOps.neg, wgsl`fn apply(x: f32) -> f32 { return -x; }`);
export const siluKernel = unary(siluOp, wgsl`${silu} fn apply(x: f32) -> f32 { return silu(x); }`);
export const softplusKernel = unary(softplusOp, wgsl`${softplus} fn apply(x: f32) -> f32 { return softplus(x); }`);
export const sigmoidKernel = unary(
  sigmoidOp,
  wgsl`${exponential}
    fn apply(x: f32) -> f32 {
      let e = exponential(-abs(x)); // of a negative number, so nothing overflows
      return select(e, 1.0, x >= 0.0) / (1.0 + e);
    }`,
);
export const geluKernel = unary(
  geluOp,
  wgsl`${normal} fn apply(x: f32) -> f32 { return x * normalCdf(x, normalBell(x)); }`,
);
