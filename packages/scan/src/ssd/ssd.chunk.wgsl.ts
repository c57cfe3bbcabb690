import { exponential, groupIndex, softplus, wgsl } from "@elapid/webgpu";
import { isNan } from "../linear-scan/is-nan.wgsl.ts";

/** Steps of a chunk. */
export const CHUNK = 32;
/** A workgroup of 8 by 8 invocations computes tiles of 32 by 32, each invocation 4 by 4 of it. */
export const SIDE = 8;
export const EACH = 4;
export const WORKGROUP = SIDE * SIDE;
/** Floats from one line of a tile in workgroup memory to the next; odd, so that a column falls into different banks. */
export const PITCH = CHUNK + 1;

export interface Sizes {
  readonly batch: number;
  readonly time: number;
  readonly heads: number;
  readonly headDim: number;
  readonly groups: number;
  readonly state: number;
}

/** Chunks of all heads. */
export const piecesOf = ({ batch, time, heads }: Sizes) => batch * Math.ceil(time / CHUNK) * heads;
/** A state for each chunk of a head. */
export const carriesOf = (dims: Sizes) => piecesOf(dims) * dims.headDim * dims.state;
export const tilesOf = (count: number) => Math.ceil(count / CHUNK);
export const groupsFor = (invocations: number) => Math.ceil(invocations / WORKGROUP);

/**
 * What lies where in scratch. `steps`: step sizes, decays, a number a head each; which steps are no padding; the decay of each
 * chunk; of the gradient, those by step size through the input, and by the exponent of the decay. `carries`: of each chunk
 * of a head the state before it, then, of the gradient, those by the state after it.
 */
export const layout = wgsl`
${groupIndex}
struct Piece { index: u32, b: u32, head: u32, group: u32, first: u32, length: u32 }
fn chunks() -> u32 { return (dims.time + ${CHUNK - 1}) / ${CHUNK}; }
fn rows() -> u32 { return dims.batch * dims.time; }
fn pieces() -> u32 { return dims.batch * chunks() * dims.heads; }
fn decayAt(at: u32) -> u32 { return rows() * dims.heads + at; }
fn keptAt(row: u32) -> u32 { return 2 * rows() * dims.heads + row; }
fn totalAt(piece: u32) -> u32 { return keptAt(rows()) + piece; }
fn driveAt(at: u32) -> u32 { return totalAt(pieces()) + at; }
fn exponentAt(at: u32) -> u32 { return driveAt(rows() * dims.heads) + at; }
fn stateAt(piece: u32) -> u32 { return piece * dims.headDim * dims.state; }
fn gradAt(piece: u32) -> u32 { return stateAt(pieces() + piece); }
fn pieceAt(index: u32) -> Piece {
  let head = index % dims.heads;
  let b = index / dims.heads / chunks();
  let start = index / dims.heads % chunks() * ${CHUNK};
  let group = head / (dims.heads / dims.groups);
  return Piece(index, b, head, group, b * dims.time + start, min(${CHUNK}, dims.time - start));
}
fn stepOf(piece: Piece, t: u32) -> u32 { return (piece.first + t) * dims.heads + piece.head; }
/** Of a row of u, and of one of B or C; a step that is not there is taken for the last one that is. */
fn channelsAt(piece: Piece, t: u32) -> u32 { return stepOf(piece, min(t, piece.length - 1)) * dims.headDim; }
fn vectorAt(piece: Piece, t: u32) -> u32 {
  return ((piece.first + min(t, piece.length - 1)) * dims.groups + piece.group) * dims.state;
}
/** A weight after a step; where a sequence begins, the decay is 0 and nothing passes, be it NaN. */
fn through(weight: f32, decay: f32) -> f32 { return select(weight * decay, 0.0, weight == 0.0 || decay == 0.0); }
/** Whether something comes through a weight; NaN does, for which drivers take no \`!=\`. */
fn passes(weight: f32) -> bool { return !(weight == 0.0); }
/** A weight of 0 makes NaN and infinity 0. */
fn weighted(weight: f32, value: f32) -> f32 { return select(0.0, weight * value, passes(weight)); }`;

/** One invocation a step and head: step size and decay, which is 0 where a sequence begins, and whether it is padding. */
export const stepsPass = {
  binds: ["delta", "A", "deltaBias", "logDecay", "mask", "seqIdx", "steps"],
  workgroups: ({ batch, time, heads }: Sizes) => groupsFor(batch * time * heads),
  moves: ({ batch, time, heads }: Sizes) => ({ steps: batch * time * (2 * heads + 1) }),
  source: () => wgsl`
    ${layout}
    ${exponential}
    ${softplus}
    ${isNan}
    /** Whether a packed sequence begins; the step before is the last that is no padding. */
    fn begins(row: u32) -> bool {
      if (hasSeqIdx) {
        for (var before = row; before % dims.time > 0; before--) {
          if (hasMask) {
            if (mask[before - 1] == 0) { continue; }
          }
          return seqIdx[before - 1] != seqIdx[row];
        }
      }
      return false;
    }

    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (i >= rows() * dims.heads) { return; }
      let head = i % dims.heads;
      let row = i / dims.heads;
      var kept = true;
      if (hasMask) { kept = mask[row] != 0; }
      var d = delta[i];
      if (hasDeltaBias) { d += deltaBias[head]; }
      if (deltaSoftplus) { d = softplus(d); }
      d = select(min(max(d, dims.deltaMin), dims.deltaMax), d, isNan(d));
      var exponent = d * A[head];
      if (hasLogDecay) { exponent += logDecay[i]; }
      steps[i] = select(0.0, d, kept);
      steps[decayAt(i)] = select(exponential(exponent), 0.0, begins(row));
      if (head == 0) { steps[keptAt(row)] = select(0.0, 1.0, kept); }
    }
  `,
};

/** A workgroup for 32 by 32 entries of a head's state: what a chunk adds to it; and the decay of the chunk. */
export const chunkStatesPass = {
  binds: ["u", "B", "steps", "carries"],
  workgroups: (dims: Sizes) => piecesOf(dims) * tilesOf(dims.headDim) * tilesOf(dims.state),
  moves: (dims: Sizes) => ({
    steps: dims.batch * dims.time * (2 * dims.heads + 1) + piecesOf(dims),
    carries: carriesOf(dims),
  }),
  source: () => wgsl`
    ${layout}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let across = (dims.state + ${CHUNK - 1}) / ${CHUNK};
      let tiles = (dims.headDim + ${CHUNK - 1}) / ${CHUNK} * across;
      let index = groupIndex(group, groups);
      if (index >= pieces() * tiles) { return; }
      let piece = pieceAt(index / tiles);
      let p = index % tiles / across * ${CHUNK} + lane / ${SIDE};
      let n = index % across * ${CHUNK} + lane % ${SIDE};
      var sums = array<f32, ${EACH * EACH}>();
      var weight = 1.0;
      for (var t = piece.length; t > 0; t--) {
        let at = stepOf(piece, t - 1);
        if (steps[keptAt(piece.first + t - 1)] == 0.0) { continue; }
        if (passes(weight)) {
          let channels = channelsAt(piece, t - 1);
          let vector = vectorAt(piece, t - 1);
          let drive = weight * steps[at];
          for (var i = 0u; i < ${EACH}; i++) {
            let input = drive * u[channels + min(p + i * ${SIDE}, dims.headDim - 1)];
            for (var j = 0u; j < ${EACH}; j++) {
              let b = B[vector + min(n + j * ${SIDE}, dims.state - 1)];
              sums[i * ${EACH} + j] = fma(input, b, sums[i * ${EACH} + j]);
            }
          }
        }
        weight = through(weight, steps[decayAt(at)]);
      }
      for (var i = 0u; i < ${EACH}; i++) {
        for (var j = 0u; j < ${EACH}; j++) {
          let channel = p + i * ${SIDE};
          let entry = n + j * ${SIDE};
          if (channel < dims.headDim && entry < dims.state) {
            carries[stateAt(piece.index) + channel * dims.state + entry] = sums[i * ${EACH} + j];
          }
        }
      }
      if (index % tiles == 0 && lane == 0) { steps[totalAt(piece.index)] = weight; }
    }
  `,
};

/**
 * `weigh`: `within[t, s]` becomes the decay from step s to t, 0 where padding stands at either; `since` is that from before the
 * chunk, `to` that to its end. `scores`: `C[t] · B[s]` of 4 by 4 steps. `output`: `y` before skip and gate, of 4 by 4 steps and
 * channels, once `within` has been multiplied with the scores. A weight of 0 leaves out what it weighs, were it NaN.
 */
export const inside = wgsl`
${layout}
var<workgroup> within: array<f32, ${CHUNK * PITCH}>;
var<workgroup> since: array<f32, ${CHUNK}>;
var<workgroup> to: array<f32, ${CHUNK}>;

fn weigh(piece: Piece, s: u32) {
  if (s >= ${CHUNK}) { return; }
  var weight = 0.0;
  var all = 1.0;
  for (var t = 0u; t < ${CHUNK}; t++) {
    var kept = false;
    if (t < piece.length) { kept = steps[keptAt(piece.first + t)] != 0.0; }
    if (kept) {
      let decay = steps[decayAt(stepOf(piece, t))];
      if (t > s) { weight = through(weight, decay); }
      if (t == s) { weight = 1.0; }
      all = through(all, decay);
    }
    within[t * ${PITCH} + s] = select(0.0, weight, kept);
    if (s == 0) { since[t] = select(0.0, all, kept); }
  }
  to[s] = weight;
}

fn scores(piece: Piece, row: u32, column: u32) -> array<f32, ${EACH * EACH}> {
  var sums = array<f32, ${EACH * EACH}>();
  for (var n = 0u; n < dims.state; n++) {
    for (var i = 0u; i < ${EACH}; i++) {
      let c = C[vectorAt(piece, row + i * ${SIDE}) + n];
      for (var j = 0u; j < ${EACH}; j++) {
        sums[i * ${EACH} + j] = fma(c, B[vectorAt(piece, column + j * ${SIDE}) + n], sums[i * ${EACH} + j]);
      }
    }
  }
  return sums;
}

fn output(piece: Piece, row: u32, p: u32) -> array<f32, ${EACH * EACH}> {
  var sums = array<f32, ${EACH * EACH}>();
  for (var n = 0u; n < dims.state; n++) {
    for (var i = 0u; i < ${EACH}; i++) {
      let c = C[vectorAt(piece, row + i * ${SIDE}) + n];
      for (var j = 0u; j < ${EACH}; j++) {
        let channel = min(p + j * ${SIDE}, dims.headDim - 1);
        let h = carries[stateAt(piece.index) + channel * dims.state + n];
        sums[i * ${EACH} + j] = fma(c, h, sums[i * ${EACH} + j]);
      }
    }
  }
  for (var i = 0u; i < ${EACH}; i++) {
    for (var j = 0u; j < ${EACH}; j++) {
      sums[i * ${EACH} + j] = weighted(since[row + i * ${SIDE}], sums[i * ${EACH} + j]);
    }
  }
  for (var s = 0u; s < piece.length; s++) {
    let d = steps[stepOf(piece, s)];
    for (var i = 0u; i < ${EACH}; i++) {
      let weight = weighted(within[(row + i * ${SIDE}) * ${PITCH} + s], d);
      if (!passes(weight)) { continue; }
      for (var j = 0u; j < ${EACH}; j++) {
        let channel = min(p + j * ${SIDE}, dims.headDim - 1);
        sums[i * ${EACH} + j] = fma(weight, u[channelsAt(piece, s) + channel], sums[i * ${EACH} + j]);
      }
    }
  }
  return sums;
}`;
