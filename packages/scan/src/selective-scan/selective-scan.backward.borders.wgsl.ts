import { wgsl } from "@elapid/webgpu";
import { layout, type BackwardForm } from "./selective-scan.backward.layout.wgsl.ts";
import { carriedOver, sliceOf, WORKGROUP } from "./selective-scan.layout.wgsl.ts";

/** Borders whose numbers are on their way at the same time while states are carried over them. */
const AHEAD = 8;

/**
 * What each chunk, if nothing came to it, would add to the state after it and to the gradient of the state before it: an
 * invocation a channel and chunk.
 */
export const backwardChunkAlone = (state: number, form: BackwardForm) => wgsl`
  ${layout(form)}
  const slice = ${sliceOf(state, form.entry.parts)}u;

  @compute @workgroup_size(${WORKGROUP})
  fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
  ) {
    let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
    if (i >= pieces()) { return; }
    let piece = pieceAt(i);
    let rowsB = rowsOfB(piece.b, piece.e);
    let rowsC = rowsOfC(piece.b, piece.e);
    var stepSum = 0.0;
    var chunkKind = padding;
    for (var origin = 0u; origin < ${state}; origin += slice) {
      var rates = array<Entry, slice>();
      var h = array<Entry, slice>();
      var g = array<Entry, slice>();
      var decay = array<Entry, slice>(); // from the start of the chunk
      for (var n = 0u; n < slice; n++) {
        let at = parts * (piece.e * ${state} + origin + n);
        rates[n] = entryOf(A[at], A[at + parts - 1]);
        decay[n] = entryOf(1.0, 0.0);
      }
      stepSum = 0.0;
      chunkKind = padding;
      for (var t = piece.first; t < piece.end; t++) {
        let row = piece.b * dims.time + t;
        let kind = steps[kindAt(row)];
        if (kind == padding) { continue; }
        if (kind == beginning) {
          h = array<Entry, slice>();
          stepSum = 0.0;
        }
        chunkKind = max(chunkKind, kind);
        let at = row * dims.inner + piece.e;
        let d = steps[at];
        let drive = d * u[at];
        let grad = steps[gradAt(at)];
        let atB = (rowsB.first + t * rowsB.stride) * ${state} + origin;
        let atC = (rowsC.first + t * rowsC.stride) * ${state} + origin;
        stepSum += d;
        for (var n = 0u; n < slice; n++) {
          let a = decayOf(rates[n], d);
          let input = entryOf(B[parts * (atB + n)], B[parts * (atB + n + 1) - 1]);
          let c = entryOf(C[parts * (atC + n)], C[parts * (atC + n + 1) - 1]);
          h[n] = madd(a, h[n], drive * input);
          decay[n] = times(decay[n], a);
          if (chunkKind != beginning) { g[n] = madd(conj(decay[n]), grad * outputSlope(c), g[n]); }
        }
      }
      for (var n = 0u; n < slice; n++) {
        for (var p = 0u; p < parts; p++) {
          let place = stateAt(piece.b, piece.chunk, origin + n, piece.e) + p;
          carries[place] = part(h[n], p);
          carries[carryAt(place)] = part(g[n], p);
        }
      }
    }
    carries[stepSumAt(i)] = stepSum;
    if (piece.e == 0) { carries[chunkKindAt(piece.b, piece.chunk)] = chunkKind; }
  }
`;

/** Carries states forward over the borders of chunks, and their gradients backward: an invocation a channel and entry. */
export const backwardCarry = (form: BackwardForm) => wgsl`
  ${layout(form)}
  ${carriedOver}
  struct Chunk { added: Entry, stepSum: f32, kind: f32 }
  fn chunkAt(b: u32, chunk: u32, e: u32, place: u32) -> Chunk {
    let stepSum = carries[stepSumAt((b * chunks() + chunk) * dims.inner + e)];
    return Chunk(entryOf(carries[place], carries[place + parts - 1]), stepSum, carries[chunkKindAt(b, chunk)]);
  }

  @compute @workgroup_size(${WORKGROUP})
  fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
  ) {
    let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
    if (i >= dims.batch * dims.inner * dims.state) { return; }
    let e = i % dims.inner;
    let n = i / dims.inner % dims.state;
    let b = i / dims.inner / dims.state;
    let own = parts * ((b * dims.inner + e) * dims.state + n);
    let at = parts * (e * dims.state + n);
    let rate = entryOf(A[at], A[at + parts - 1]);
    var ahead = array<Chunk, ${AHEAD}>();

    var h = Entry();
    if (hasInitialState) { h = entryOf(initialState[own], initialState[own + parts - 1]); }
    for (var chunk = 0u; chunk < chunks(); chunk += ${AHEAD}) {
      let count = min(${AHEAD}, chunks() - chunk);
      for (var k = 0u; k < count; k++) { ahead[k] = chunkAt(b, chunk + k, e, stateAt(b, chunk + k, n, e)); }
      for (var k = 0u; k < count; k++) {
        for (var p = 0u; p < parts; p++) { carries[stateAt(b, chunk + k, n, e) + p] = part(h, p); }
        h = carriedOver(h, decayOf(rate, ahead[k].stepSum), ahead[k].added, ahead[k].kind);
      }
    }

    var g = Entry();
    if (hasDfinalState) { g = entryOf(dfinalState[own], dfinalState[own + parts - 1]); }
    for (var end = chunks(); end > 0; end -= min(${AHEAD}, end)) {
      let count = min(${AHEAD}, end);
      for (var k = 0u; k < count; k++) { ahead[k] = chunkAt(b, end - 1 - k, e, carryAt(stateAt(b, end - 1 - k, n, e))); }
      for (var k = 0u; k < count; k++) {
        for (var p = 0u; p < parts; p++) { carries[carryAt(stateAt(b, end - 1 - k, n, e)) + p] = part(g, p); }
        g = carriedOver(g, conj(decayOf(rate, ahead[k].stepSum)), ahead[k].added, ahead[k].kind);
      }
    }
    for (var p = 0u; p < parts; p++) { dinitialState[own + p] = part(g, p); }
  }
`;
