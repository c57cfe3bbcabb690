import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";
import { ropeAngles } from "./rope.angles.ts";

const WORKGROUP = 64;

/** One invocation a pair of a position: it multiplies the turns of the digits. Nothing is shared. */
export const ropeAnglesKernel = defineKernel(ropeAngles, {
  workgroups: ({ rows, pairs }) => Math.ceil((rows * pairs) / WORKGROUP),
  source: () => wgsl`
    ${groupIndex}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (i >= dims.rows * dims.pairs) { return; }
      var rest = u32(position[i / dims.pairs]);
      var turn = vec2f(1, 0);
      for (var l = 0u; l < dims.levels; l++) {
        let at = (l * dims.digits + rest % dims.digits) * dims.pairs + i % dims.pairs;
        let digit = vec2f(cosDigits[at], sinDigits[at]);
        turn = vec2f(turn.x * digit.x - turn.y * digit.y, turn.x * digit.y + turn.y * digit.x);
        rest /= dims.digits;
      }
      cos[i] = turn.x;
      sin[i] = turn.y;
    }
  `,
});
