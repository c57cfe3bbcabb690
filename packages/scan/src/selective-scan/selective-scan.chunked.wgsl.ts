import { defineKernel, softplus, wgsl, type KernelDefinition } from "@elapid/webgpu";
import { realEntry, type Entry } from "./entry.wgsl.ts";
import {
  carriedOver,
  forwardLayout,
  sliceOf,
  WORKGROUP,
  type Form,
  type KernelDims,
} from "./selective-scan.layout.wgsl.ts";
import { selectiveScanOp } from "./selective-scan.ts";
import { carriedElements, scanVariant, type ScanSizes } from "./selective-scan.variant.ts";
import { forwardTraffic } from "./selective-scan.traffic.ts";
import { prepare, walk } from "./selective-scan.walk.wgsl.ts";

/** Borders whose numbers are on their way at the same time while states are carried over them. */
const AHEAD = 8;

/**
 * Two-level scan over time: the chunks of a channel are walked side by side, in four passes.
 *
 * 1. Into scratch goes what the walk cannot bind beside its eight tensors.
 * 2. An invocation a channel and chunk: what the chunk adds to an empty state, and the sum of its step sizes.
 * 3. One a channel and entry of the state carries it over the borders, the decay of a chunk being
 *    `exp(A · sum of its step sizes)`, and writes `finalState`; the state before each chunk takes the place of what
 *    the chunk adds.
 * 4. The walk, an invocation a channel and chunk.
 *
 * States exist at the borders of chunks alone, never for each step. Nothing is shared between invocations, no barrier is
 * needed, the result is deterministic and has the bits of the sequential kernel. Work: two exponentials and four
 * multiply-adds for each `batch · time · inner · state`. An element costs 5 loads and a store, if `B` and `C` come from
 * cache and the state is at most 16 numbers, and `4 · state / chunk` more for the borders, 2 at state 16 and chunks of
 * 32; 3 loads and a store are the least possible. Suits long sequences of few channels.
 */
export function chunkedScan(entry: Entry): KernelDefinition<KernelDims, object> {
  const { parts } = entry;
  const formOf = (dims: ScanSizes): Form => ({ entry, chunk: scanVariant(dims, parts, Infinity).chunk, chunked: true });
  const chunksOf = (dims: ScanSizes) => Math.ceil(dims.time / formOf(dims).chunk);
  const groupsOfPieces = (dims: ScanSizes) => Math.ceil((dims.batch * chunksOf(dims) * dims.inner) / WORKGROUP);
  return {
    algorithm: "chunked",
    along: "batch",
    suits: (dims, { limits }) => scanVariant(dims, parts, limits.bindingBytes).algorithm === "chunked",
    traffic: (dims, { given }) => forwardTraffic(dims, given, parts, chunksOf(dims)),
    scratch: { carries: (dims) => carriedElements(dims, parts, chunksOf(dims)) },
    passes: [
      {
        binds: ["D", "deltaBias", "initialState", "mask", "seqIdx", "carries"],
        workgroups: ({ batch, time, inner }) => Math.ceil(Math.max(batch * time, inner) / WORKGROUP),
        source: (dims) => prepare(formOf(dims)),
      },
      {
        binds: ["u", "delta", "A", "B", "carries"],
        workgroups: groupsOfPieces,
        source: (dims) => wgsl`
          ${forwardLayout(formOf(dims))}
          ${softplus}
          const slice = ${sliceOf(dims.state, parts)}u;

          @compute @workgroup_size(${WORKGROUP})
          fn main(
            @builtin(workgroup_id) group: vec3u,
            @builtin(num_workgroups) groups: vec3u,
            @builtin(local_invocation_index) lane: u32,
          ) {
            let piece = groupIndex(group, groups) * ${WORKGROUP} + lane;
            if (piece >= pieces()) { return; }
            let e = piece % dims.inner;
            let border = piece / dims.inner % borders();
            let b = piece / dims.inner / borders();
            let first = border * chunk;
            let rowsB = rowsOfB(dims.rangeFirst + b, e);
            var stepSum = 0.0;
            var chunkKind = padding;
            for (var origin = 0u; origin < ${dims.state}; origin += slice) {
              var rates = array<Entry, slice>();
              var added = array<Entry, slice>();
              for (var n = 0u; n < slice; n++) {
                let at = parts * (e * ${dims.state} + origin + n);
                rates[n] = entryOf(A[at], A[at + parts - 1]);
              }
              stepSum = 0.0;
              for (var t = first; t < min(first + chunk, dims.time); t++) {
                let row = b * dims.time + t;
                let kind = carries[kindAt(row)];
                if (kind == padding) { continue; }
                if (kind == beginning) {
                  added = array<Entry, slice>();
                  stepSum = 0.0;
                }
                chunkKind = max(chunkKind, kind);
                let at = row * dims.inner + e;
                var d = delta[at];
                if (hasDeltaBias) { d += carries[biasAt(e)]; }
                if (deltaSoftplus) { d = softplus(d); }
                let drive = d * u[at];
                stepSum += d;
                let atB = (rowsB.first + t * rowsB.stride) * ${dims.state} + origin;
                for (var n = 0u; n < slice; n++) {
                  let input = drive * entryOf(B[parts * (atB + n)], B[parts * (atB + n + 1) - 1]);
                  added[n] = madd(decayOf(rates[n], d), added[n], input);
                }
              }
              for (var n = 0u; n < slice; n++) {
                for (var p = 0u; p < parts; p++) { carries[stateAt(b, border, origin + n, e) + p] = part(added[n], p); }
              }
            }
            carries[stepSumAt(b, border, e)] = stepSum;
            if (e == 0) { carries[chunkKindAt(b, border)] = chunkKind; }
          }
        `,
      },
      {
        binds: ["A", "initialState", "finalState", "carries"],
        workgroups: ({ batch, inner, state }) => Math.ceil((batch * inner * state) / WORKGROUP),
        source: (dims) => wgsl`
          ${forwardLayout(formOf(dims))}
          ${carriedOver}
          @compute @workgroup_size(${WORKGROUP})
          fn main(
            @builtin(workgroup_id) group: vec3u,
            @builtin(num_workgroups) groups: vec3u,
            @builtin(local_invocation_index) lane: u32,
          ) {
            let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
            if (i >= channels() * dims.state) { return; }
            let e = i % dims.inner;
            let n = i / dims.inner % dims.state;
            let b = i / dims.inner / dims.state;
            let own = parts * ((b * dims.inner + e) * dims.state + n);
            let at = parts * (e * dims.state + n);
            let rate = entryOf(A[at], A[at + parts - 1]);
            var h = Entry();
            if (hasInitialState) { h = entryOf(initialState[own], initialState[own + parts - 1]); }
            for (var begin = 0u; begin < borders(); begin += ${AHEAD}) {
              let count = min(${AHEAD}, borders() - begin);
              var added = array<Entry, ${AHEAD}>();
              var stepSums = array<f32, ${AHEAD}>();
              var chunkKinds = array<f32, ${AHEAD}>();
              for (var k = 0u; k < count; k++) {
                let place = stateAt(b, begin + k, n, e);
                added[k] = entryOf(carries[place], carries[place + parts - 1]);
                stepSums[k] = carries[stepSumAt(b, begin + k, e)];
                chunkKinds[k] = carries[chunkKindAt(b, begin + k)];
              }
              for (var k = 0u; k < count; k++) {
                for (var p = 0u; p < parts; p++) { carries[stateAt(b, begin + k, n, e) + p] = part(h, p); }
                h = carriedOver(h, decayOf(rate, stepSums[k]), added[k], chunkKinds[k]);
              }
            }
            for (var p = 0u; p < parts; p++) { finalState[own + p] = part(h, p); }
          }
        `,
      },
      {
        binds: ["u", "delta", "A", "B", "C", "z", "y", "carries"],
        workgroups: groupsOfPieces,
        source: (dims) => walk(dims.state, formOf(dims)),
      },
    ],
  };
}

export const selectiveScanChunked = defineKernel(selectiveScanOp, chunkedScan(realEntry));
