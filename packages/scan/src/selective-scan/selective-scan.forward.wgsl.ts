import { defineKernel, wgsl, type KernelDefinition } from "@elapid/webgpu";
import { realEntry, type Entry } from "./entry.wgsl.ts";
import { forwardLayout, WORKGROUP, type Form, type KernelDims } from "./selective-scan.layout.wgsl.ts";
import { selectiveScanOp } from "./selective-scan.ts";
import { carriedElements, scanVariant, type ScanSizes } from "./selective-scan.variant.ts";
import { forwardTraffic } from "./selective-scan.traffic.ts";
import { prepare, walk } from "./selective-scan.walk.wgsl.ts";

/**
 * An invocation per channel `(batch, inner)` walks time in order, in three passes:
 *
 * 1. into scratch go the initial state, channels innermost, and what the walk cannot bind beside its eight tensors;
 * 2. the walk;
 * 3. the state goes from scratch to `finalState`.
 *
 * Nothing is shared, no barrier is needed, the result is deterministic. Work: an exponential and three multiply-adds
 * for each `batch · time · inner · state`. An element costs 3 loads and a store, the least possible, if `B` and `C` come
 * from cache and the state is at most 16 numbers; each 16 more cost 3 loads and a store again. The passes around the walk
 * move `6 · state` numbers a channel. Suits many channels, and one token, which is a walk of one step.
 */
export function sequentialScan(entry: Entry): KernelDefinition<KernelDims, object> {
  const { parts } = entry;
  const formOf = (dims: ScanSizes): Form => ({
    entry,
    chunk: scanVariant(dims, parts, Infinity).chunk,
    chunked: false,
  });
  const groupsOfStates = ({ batch, inner, state }: ScanSizes) => Math.ceil((batch * inner * state) / WORKGROUP);
  return {
    algorithm: "sequential",
    along: "batch",
    suits: ({ state }) => state >= 1,
    traffic: (dims, { given }) => forwardTraffic(dims, given, parts, undefined),
    scratch: { carries: (dims) => carriedElements(dims, parts, 1) },
    passes: [
      {
        binds: ["D", "deltaBias", "initialState", "mask", "seqIdx", "carries"],
        workgroups: (dims) =>
          Math.max(
            groupsOfStates(dims),
            Math.ceil((dims.batch * dims.time) / WORKGROUP),
            Math.ceil(dims.inner / WORKGROUP),
          ),
        source: (dims) => prepare(formOf(dims)),
      },
      {
        binds: ["u", "delta", "A", "B", "C", "z", "y", "carries"],
        workgroups: ({ batch, inner }) => Math.ceil((batch * inner) / WORKGROUP),
        source: (dims) => walk(dims.state, formOf(dims)),
      },
      {
        binds: ["finalState", "carries"],
        workgroups: groupsOfStates,
        source: (dims) => wgsl`
          ${forwardLayout(formOf(dims))}
          @compute @workgroup_size(${WORKGROUP})
          fn main(
            @builtin(workgroup_id) group: vec3u,
            @builtin(num_workgroups) groups: vec3u,
            @builtin(local_invocation_index) lane: u32,
          ) {
            let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
            if (i >= channels() * dims.state) { return; }
            let n = i % dims.state;
            let e = i / dims.state % dims.inner;
            let b = i / dims.state / dims.inner;
            for (var p = 0u; p < parts; p++) { finalState[parts * i + p] = carries[stateAt(b, 0, n, e) + p]; }
          }
        `,
      },
    ],
  };
}

export const selectiveScanForward = defineKernel(selectiveScanOp, sequentialScan(realEntry));
