import { defineKernel, reduce, silu, wgsl } from "@elapid/webgpu";
import {
  biasesOf,
  groupsFor,
  layout,
  outsSize,
  planSize,
  projectionsOf,
  stepsOf,
  suits,
  WORKGROUP,
  workSize,
} from "./layout.wgsl.ts";
import { mamba3 } from "./mamba3.ts";
import { gatherOutput, gatherStart, planAngles, planSteps } from "./prepare.wgsl.ts";
import { scan } from "./scan.wgsl.ts";

/**
 * The recurrence, in passes, because the op has more tensors than a pass may bind:
 *
 * 1. and 2. plan every step: decay and trapezoid, what packing and padding make of it, cosine and sine of theta, which is added up in
 *    whole numbers;
 * 3. and 4. gather parameters and what sequences start from, small beside the rest, in one tensor;
 * 5. the scan: a workgroup for a head and up to 32 entries of its state, a lane a channel; `B` and `C` of a step are turned once for
 *    all of its channels;
 * 6. the way out, a workgroup a step and head: adds up the slices of the state, then skip, norm, gate and projection.
 *
 * Deterministic: every sum has an order that sizes alone decide, the same wherever a step stands. Work: that of the reference, and a
 * turn of `B` and `C` for each head. With `s` slices, `state / 32` of them, an element of `x` costs `s · rank + 3` loads and `s · rank + 1`
 * stores, where 2 and 1 are the least possible; `B` and `C` are loaded twice for each head, from cache. Suits a `headDim` up to 256, of which
 * it fills workgroups, and many heads.
 */
export const mamba3ForwardKernel = defineKernel(mamba3, {
  along: "batch",
  suits,
  scratch: { plan: planSize, work: workSize, shares: outsSize },
  passes: [
    planSteps,
    planAngles(true),
    gatherStart,
    gatherOutput,
    scan(false),
    {
      binds: ["x", "z", "plan", "work", "shares", "y", "finalB", "finalX"],
      workgroups: (sizes) =>
        Math.max(stepsOf(sizes), groupsFor(sizes.batch * Math.max(biasesOf(sizes), projectionsOf(sizes)))),
      moves: (sizes) => ({
        plan: sizes.batch * sizes.time,
        work: sizes.batch * biasesOf(sizes) + (sizes.batch + 3) * projectionsOf(sizes) + sizes.heads,
      }),
      source: (sizes) => wgsl`
        ${layout(sizes)}
        ${reduce(WORKGROUP)}
        ${silu}
        fn outOf(at: u32, head: u32, r: u32, p: u32) -> f32 {
          let input = x[at * dims.headDim + p] * work[projectXAt((head * rank + r) * dims.headDim + p)];
          var out = 0.0;
          for (var part = 0u; part < slices; part++) { out += shares[outAt(part, at, r, p)]; }
          return select(out, fma(work[skipAt(head)], input, out), hasD);
        }

        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let at = groupIndex(group, groups);
          let i = at * ${WORKGROUP} + lane;
          if (i < dims.batch * biases()) { finalB[i] = work[lastBAt(i)]; }
          if (i < dims.batch * projections()) { finalX[i] = work[endXAt(i)]; }
          if (at >= atCount()) { return; }
          let head = at % dims.heads;
          let kept = plan[at / dims.heads] != padding;
          for (var p = lane; p < dims.headDim; p += ${WORKGROUP}) { y[at * dims.headDim + p] = 0.0; }
          for (var r = 0u; r < rank; r++) {
            var scale = 1.0;
            if (hasNormWeight) {
              var squares = 0.0;
              for (var p = lane; p < dims.headDim; p += ${WORKGROUP}) {
                let out = outOf(at, head, r, p);
                squares = fma(out, out, squares);
              }
              scale = 1.0 / sqrt(sumOf(squares, lane) / f32(dims.headDim) + dims.normEps);
            }
            for (var p = lane; p < dims.headDim && kept; p += ${WORKGROUP}) {
              let parameter = (head * rank + r) * dims.headDim + p;
              var out = outOf(at, head, r, p) * scale * work[normAt(head * dims.headDim + p)];
              if (hasZ) { out *= silu(z[at * dims.headDim + p] * work[projectZAt(parameter)]); }
              y[at * dims.headDim + p] = fma(out, work[projectYAt(parameter)], y[at * dims.headDim + p]);
            }
          }
        }
      `,
    },
  ],
});
