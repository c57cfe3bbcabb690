import { wgsl } from "../wgsl.ts";

/** `groupIndex(group, groups)`: number of a workgroup in a grid whose count was folded into y and z; it may exceed the count. */
export const groupIndex = wgsl`
fn groupIndex(group: vec3u, groups: vec3u) -> u32 {
  return group.x + groups.x * (group.y + groups.y * group.z);
}`;
