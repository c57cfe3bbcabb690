import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";
import { argmaxOp } from "./argmax.ts";

const WORKGROUP = 256;

/**
 * One workgroup a row: each invocation finds the best of every 256th number, and the 256 are folded in workgroup memory.
 * A NaN is better than any number, and of equals the one that comes first. Moves 4 bytes an element.
 */
export const argmaxRows = defineKernel(argmaxOp, {
  along: "rows",
  workgroups: ({ rows }) => rows,
  source: () => wgsl`
    ${groupIndex}

    /** A number in the order of floats, with NaN above all; 0 is below -Infinity. */
    struct Best { rank: u32, place: u32 }
    var<workgroup> slots: array<Best, ${WORKGROUP}>;

    const BELOW_ALL = 0x007fffffu; // rank of -Infinity
    const NOT_A_NUMBER = 0xffffffffu;

    /** Bits of a float as a whole number that grows with it. */
    fn rankOf(value: f32) -> u32 {
      let bits = bitcast<u32>(value);
      if ((bits & 0x7fffffffu) > 0x7f800000u) { return NOT_A_NUMBER; }
      if ((bits & 0x7fffffffu) == 0u) { return 0x80000000u; } // both zeros are equal
      return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
    }

    fn better(a: Best, b: Best) -> Best {
      if (b.rank > a.rank || (b.rank == a.rank && b.place < a.place)) { return b; }
      return a;
    }

    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let row = groupIndex(group, groups);
      if (row >= dims.rows) { return; }
      var best = Best(0u, dims.features);
      for (var f = lane; f < dims.features; f += ${WORKGROUP}u) {
        best = better(best, Best(rankOf(x[row * dims.features + f]), f));
      }
      slots[lane] = best;
      for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) { slots[lane] = better(slots[lane], slots[lane + half]); }
      }
      if (lane == 0u) {
        let found = slots[0];
        var place = i32(found.place);
        if (found.rank == NOT_A_NUMBER) { place = -1 - place; }
        if (found.rank <= BELOW_ALL) { place = -1 - i32(dims.features); }
        index[row] = place;
      }
    }
  `,
});
