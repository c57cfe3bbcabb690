import { wgsl } from "@elapid/webgpu";
import {
  biased,
  biasesOf,
  CHUNK,
  lanesOf,
  layout,
  outsSize,
  projectionsOf,
  slicesOf,
  turning,
  type Sizes,
} from "./layout.wgsl.ts";
import type { Mamba3Pass } from "./prepare.wgsl.ts";

/** Entries of vectors of a step, turned, in `vectors`: B in one of two slots, C in a third; barriers around it are the caller's. */
export const loadVectors = wgsl`
var<workgroup> vectors: array<f32, 3 * rank * slice>;
fn loadB(row: u32, head: u32, origin: u32, slot: u32, lane: u32) {
  let at = row * dims.heads + head;
  for (var i = lane; i < rank * slice; i += lanes) {
    let n = origin + i % slice;
    vectors[slot * rank * slice + i] = 0.0;
    if (n < dims.state) { vectors[slot * rank * slice + i] = turned(at, n, biasedB(at, i / slice, n), biasedB(at, i / slice, partnerOf(n))); }
  }
}
fn loadC(row: u32, head: u32, origin: u32, lane: u32) {
  let at = row * dims.heads + head;
  for (var i = lane; i < rank * slice; i += lanes) {
    let n = origin + i % slice;
    vectors[2 * rank * slice + i] = 0.0;
    if (n < dims.state) { vectors[2 * rank * slice + i] = turned(at, n, biasedC(at, i / slice, n), biasedC(at, i / slice, partnerOf(n))); }
  }
}
/** B of the token before the first. */
fn loadStart(unit: u32, origin: u32, slot: u32, lane: u32) {
  for (var i = lane; i < rank * slice; i += lanes) {
    let n = origin + i % slice;
    vectors[slot * rank * slice + i] = 0.0;
    if (n < dims.state) { vectors[slot * rank * slice + i] = work[lastBAt((unit * rank + i / slice) * dims.state + n)]; }
  }
}`;

/** `h` and `xLast` of a channel after a step, whose `B` is in `slot` and that of the last in the other. */
export const advance = wgsl`
fn advance(
  h: ptr<function, array<f32, slice>>, xLast: ptr<function, array<f32, rank>>,
  at: u32, head: u32, channel: u32, kind: f32, slot: u32,
) {
  let decay = plan[stepAt(at)];
  let lambda = plan[stepAt(at) + 1];
  let step = plan[stepAt(at) + 2];
  for (var n = 0u; n < slice; n++) { (*h)[n] = select((*h)[n] * decay, 0.0, kind == beginning); }
  for (var r = 0u; r < rank; r++) {
    let input = x[at * dims.headDim + channel] * work[projectXAt((head * rank + r) * dims.headDim + channel)];
    let after = lambda * step * input;
    let before = (1.0 - lambda) * step * decay * (*xLast)[r];
    let own = (slot * rank + r) * slice;
    let last = ((1 - slot) * rank + r) * slice;
    for (var n = 0u; n < slice; n++) {
      if (kind == ordinary) { (*h)[n] = fma(before, vectors[last + n], (*h)[n]); }
      (*h)[n] = fma(after, vectors[own + n], (*h)[n]);
    }
    (*xLast)[r] = input;
  }
}`;

/** Where the states before chunks are, channels innermost, and behind them the gradient of the state. */
export const carried = wgsl`
fn carryAt(unit: u32, chunk: u32, n: u32, channel: u32) -> u32 {
  return ((chunk * dims.batch * dims.heads + unit) * dims.state + n) * dims.headDim + channel;
}`;

const keptStates = wgsl`
${carried}
fn keep(unit: u32, t: u32, n: u32, channel: u32, value: f32) { carries[carryAt(unit, t / ${CHUNK}, n, channel)] = value; }
fn finish(unit: u32, n: u32, channel: u32, value: f32) {}`;

/**
 * The recurrence: a workgroup for a slice of the state of a head, a lane a channel, which walks time with its part of the state in
 * registers and gives for every step what the slice adds to the outputs. With `keep`, the states before every chunk stay in `carries`.
 */
export function scan(keep: boolean): Mamba3Pass {
  return {
    binds: ["x", "B", "C", "initialState", "plan", "work", "shares", keep ? "carries" : "finalState"],
    workgroups: (sizes) => sizes.batch * sizes.heads * slicesOf(sizes),
    moves: (sizes) => ({
      shares: outsSize(sizes),
      work: (2 * sizes.batch + 2) * biasesOf(sizes) + (2 * sizes.batch + 1) * projectionsOf(sizes),
      carries: carriesSize(sizes) - sizes.batch * sizes.heads * sizes.headDim * sizes.state,
    }),
    source: (sizes, { attributes: { rotation } }) => wgsl`
      ${layout(sizes)}
      ${turning(rotation === "halved")}
      ${biased}
      ${loadVectors}
      ${advance}
      ${
        keep
          ? keptStates
          : wgsl`
        fn keep(unit: u32, t: u32, n: u32, channel: u32, value: f32) {}
        fn finish(unit: u32, n: u32, channel: u32, value: f32) {
          finalState[(unit * dims.headDim + channel) * dims.state + n] = value;
        }`
      }
      @compute @workgroup_size(${lanesOf(sizes)})
      fn main(
        @builtin(workgroup_id) group: vec3u,
        @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32,
      ) {
        let index = groupIndex(group, groups);
        if (index >= dims.batch * dims.heads * slices) { return; }
        let part = index % slices;
        let unit = index / slices;
        let head = unit % dims.heads;
        let b = unit / dims.heads;
        let origin = part * slice;
        let entries = min(slice, dims.state - origin);
        let works = lane < dims.headDim;

        var h = array<f32, slice>();
        var xLast = array<f32, rank>();
        if (works) {
          if (hasInitialState) {
            for (var n = 0u; n < entries; n++) { h[n] = initialState[(unit * dims.headDim + lane) * dims.state + origin + n]; }
          }
          for (var r = 0u; r < rank; r++) { xLast[r] = work[lastXAt((unit * rank + r) * dims.headDim + lane)]; }
        }
        var last = 0u; // slot of the last step's B
        loadStart(unit, origin, last, lane);
        for (var t = 0u; t < dims.time; t++) {
          let row = b * dims.time + t;
          let kind = plan[row];
          let slot = 1 - last;
          if (works && t % ${CHUNK} == 0) {
            for (var n = 0u; n < entries; n++) { keep(unit, t, origin + n, lane, h[n]); }
          }
          loadB(row, head, origin, slot, lane);
          loadC(row, head, origin, lane);
          workgroupBarrier();
          if (kind != padding) {
            let at = row * dims.heads + head;
            if (works) {
              advance(&h, &xLast, at, head, lane, kind, slot);
              for (var r = 0u; r < rank; r++) {
                var out = 0.0;
                for (var n = 0u; n < slice; n++) { out = fma(vectors[(2 * rank + r) * slice + n], h[n], out); }
                shares[outAt(part, at, r, lane)] = out;
              }
            }
            last = slot;
          }
          workgroupBarrier();
        }
        workgroupBarrier();
        if (works) {
          for (var n = 0u; n < entries; n++) { finish(unit, origin + n, lane, h[n]); }
        }
        for (var i = lane; i < rank * slice; i += lanes) {
          if (${!keep} && i % slice < entries) {
            work[lastBAt((unit * rank + i / slice) * dims.state + origin + i % slice)] = vectors[last * rank * slice + i];
          }
        }
        if (works && part == 0) {
          for (var r = 0u; r < rank; r++) { work[endXAt((unit * rank + r) * dims.headDim + lane)] = xLast[r]; }
        }
      }
    `,
  };
}

/** Elements of `carries`: a state before each chunk, and the gradient of the state. */
export function carriesSize({ batch, time, heads, headDim, state }: Sizes): number {
  return batch * heads * headDim * state * (Math.ceil(time / CHUNK) + 1);
}
