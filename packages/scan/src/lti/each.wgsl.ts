import { groupIndex, wgsl } from "@elapid/webgpu";

const WORKGROUP = 64;

/** Workgroups for `count` invocations of `each`. */
export const groupsOf = (count: number) => Math.ceil(count / WORKGROUP);

/** An entry point that calls the pass's own `each(i)` for every `i` below its own `count()`. */
export const forEach = wgsl`${groupIndex}
@compute @workgroup_size(${WORKGROUP})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
  if (i < count()) { each(i); }
}`;
