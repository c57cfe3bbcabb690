import { binaryOps } from "@elapid/tensor";
import { defineKernel, groupIndex, wgsl, type Kernel, type Wgsl } from "@elapid/webgpu";

const WORKGROUP = 64;

/** One invocation an element of `a`; `b` is repeated. Nothing is shared; memory bounds it. */
function binary(op: typeof binaryOps.add, apply: Wgsl): Kernel {
  return defineKernel(op, {
    along: "rows",
    workgroups: ({ rows, size }) => Math.ceil((rows * size) / WORKGROUP),
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
        if (i >= dims.rows * dims.size) { return; }
        y[i] = apply(a[i], b[i % dims.size]);
      }
    `,
  });
}

export const addKernel = binary(binaryOps.add, wgsl`fn apply(a: f32, b: f32) -> f32 { return a + b; }`);
export const mulKernel = binary(binaryOps.mul, wgsl`fn apply(a: f32, b: f32) -> f32 { return a * b; }`);
