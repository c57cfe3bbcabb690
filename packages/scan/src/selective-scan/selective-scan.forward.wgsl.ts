import { defineKernel, wgsl } from "@elapid/webgpu";
import { forwardLayout, share, sharedElements, WORKGROUP } from "./selective-scan.layout.wgsl.ts";
import { selectiveScan } from "./selective-scan.ts";
import { carriedElements, scanVariant } from "./selective-scan.variant.ts";
import { walk } from "./selective-scan.walk.wgsl.ts";

type Dims = Readonly<Record<"batch" | "time" | "inner" | "state", number>>;

const chunkOf = (dims: Dims) => scanVariant(dims, Infinity).chunk;

/**
 * An invocation per channel `(batch, inner)` walks time in order, in three passes:
 *
 * 1. into scratch go the initial state, channels innermost, and what the walk cannot bind beside its eight tensors;
 * 2. the walk;
 * 3. the state goes from scratch to `finalState`.
 *
 * Nothing is shared, no barrier is needed, the result is deterministic. Work: an exponential and three multiply-adds
 * for each `batch · time · inner · state`, all of them once. An element costs 3 loads and a store, the least possible,
 * if `B` and `C` come from cache; the passes around the walk move `4 · state` elements a channel. Suits many channels,
 * and one token, which is a walk of one step.
 */
export const selectiveScanForward = defineKernel(selectiveScan, {
  algorithm: "sequential",
  along: "batch",
  suits: ({ state }) => state >= 1,
  scratch: { carries: (dims) => carriedElements(dims, 1) },
  passes: [
    {
      binds: ["D", "deltaBias", "initialState", "mask", "carries"],
      workgroups: (dims) => Math.ceil(Math.max(dims.batch * dims.inner * dims.state, sharedElements(dims)) / WORKGROUP),
      source: (dims) => wgsl`
        ${forwardLayout(chunkOf(dims), false)}
        ${share}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          share(i);
          if (i >= pieces() * dims.state) { return; }
          let e = i % dims.inner;
          let n = i / dims.inner % dims.state;
          let b = i / dims.inner / dims.state;
          var start = 0.0;
          if (hasInitialState) { start = initialState[(b * dims.inner + e) * dims.state + n]; }
          carries[stateAt(b, 0, n, e)] = start;
        }
      `,
    },
    {
      binds: ["u", "delta", "A", "B", "C", "z", "y", "carries"],
      workgroups: ({ batch, inner }) => Math.ceil((batch * inner) / WORKGROUP),
      source: (dims) => walk(dims.state, chunkOf(dims), false),
    },
    {
      binds: ["finalState", "carries"],
      workgroups: ({ batch, inner, state }) => Math.ceil((batch * inner * state) / WORKGROUP),
      source: (dims) => wgsl`
        ${forwardLayout(chunkOf(dims), false)}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (i >= pieces() * dims.state) { return; }
          let n = i % dims.state;
          let e = i / dims.state % dims.inner;
          let b = i / dims.state / dims.inner;
          finalState[i] = carries[stateAt(b, 0, n, e)];
        }
      `,
    },
  ],
});
