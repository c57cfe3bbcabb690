import { unaryOps } from "@elapid/tensor";
import { defineKernel, exponential, groupIndex, silu, wgsl, type Kernel, type Wgsl } from "@elapid/webgpu";
import { siluOp } from "./silu.ts";

const WORKGROUP = 64;

/** One invocation an element. Nothing is shared; one read and one write each, so memory bounds it. */
export function unary(op: typeof siluOp, apply: Wgsl): Kernel {
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
