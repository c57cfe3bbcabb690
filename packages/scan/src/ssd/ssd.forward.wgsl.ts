import { defineKernel, exponential, groupIndex, softplus, wgsl } from "@elapid/webgpu";
import { isNan } from "../linear-scan/is-nan.wgsl.ts";
import { gatePass } from "./ssd.gate.wgsl.ts";
import { ssd } from "./ssd.ts";

const WORKGROUP = 64;
/** Channels of a workgroup of the scan. */
const CHANNELS = 16;
/** Steps between barriers of the scan. */
const CHUNK = 16;
/** A quarter of it, or all where it is odd, is what an invocation can be expected to hold in registers. */
const MAX_STATE = 256;

/** Lanes that share the state of a channel: the most, up to 4, that divide it. */
function lanesOf(state: number): number {
  if (state % 4 === 0) return 4;
  return state % 2 === 0 ? 2 : 1;
}

/** In `steps`: step sizes, then decays, a number a head; then what a step does to the state before it. */
const layout = wgsl`
${groupIndex}
const padding = 0.0;
const ordinary = 1.0;
const beginning = 2.0;
fn rows() -> u32 { return dims.batch * dims.time; }
fn decayAt(at: u32) -> u32 { return rows() * dims.heads + at; }
fn kindAt(row: u32) -> u32 { return 2 * rows() * dims.heads + row; }`;

/**
 * The recurrence, in three passes, because the op has more tensors than a pass may bind:
 *
 * 1. `steps`, one invocation a step and head: step size and decay, and whether the step is padding or begins a sequence;
 * 2. the scan, a workgroup for 16 channels of a head, up to 4 lanes a channel, each with its share of the state in
 *    registers: it walks time in order, and every 16 steps adds up what the lanes of a channel have for `y`;
 * 3. the gate, one invocation an element: adds the skip, multiplies with `silu(z)`, clears padding.
 *
 * Deterministic; a step's sum has the same order wherever it stands, so cutting, packing and padding change no bit. Work
 * `3 · batch · time · heads · headDim · state`. Memory beside inputs and outputs: `2 / headDim` times `u`. An element costs 4
 * loads (u twice, z, y) and 2 stores (y twice), where `B`, `C` and step sizes come from cache; 2 loads and 1 store are the
 * least possible. Suits single tokens and short sequences; `ssd.chunked.wgsl.ts` takes the long ones.
 */
export const ssdForward = defineKernel(ssd, {
  along: "batch",
  suits: ({ state }) => state >= 1 && state <= MAX_STATE,
  scratch: { steps: ({ batch, time, heads }) => batch * time * (2 * heads + 1) },
  passes: [
    {
      binds: ["delta", "A", "deltaBias", "logDecay", "mask", "seqIdx", "steps"],
      workgroups: ({ batch, time, heads }) => Math.ceil((batch * time * heads) / WORKGROUP),
      source: () => wgsl`
        ${layout}
        ${exponential}
        ${softplus}
        ${isNan}
        /** What the step does; the one before it is the last that is no padding. */
        fn kindOf(row: u32) -> f32 {
          if (hasMask) {
            if (mask[row] == 0) { return padding; }
          }
          if (hasSeqIdx) {
            for (var before = row; before % dims.time > 0; before--) {
              if (hasMask) {
                if (mask[before - 1] == 0) { continue; }
              }
              return select(ordinary, beginning, seqIdx[before - 1] != seqIdx[row]);
            }
          }
          return ordinary;
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
          if (head == 0) { steps[kindAt(i / dims.heads)] = kindOf(i / dims.heads); }
          var d = delta[i];
          if (hasDeltaBias) { d += deltaBias[head]; }
          if (deltaSoftplus) { d = softplus(d); }
          d = select(min(max(d, dims.deltaMin), dims.deltaMax), d, isNan(d));
          var exponent = d * A[head];
          if (hasLogDecay) { exponent += logDecay[i]; }
          steps[i] = d;
          steps[decayAt(i)] = exponential(exponent);
        }
      `,
    },
    {
      binds: ["u", "B", "C", "initialState", "steps", "y", "finalState"],
      workgroups: ({ batch, heads, headDim }) => batch * heads * Math.ceil(headDim / CHANNELS),
      source: ({ state }) => wgsl`
        ${layout}
        const lanes = ${lanesOf(state) * CHANNELS}u;
        const share = ${state / lanesOf(state)}u;
        var<workgroup> outs: array<f32, ${CHUNK} * lanes>;

        @compute @workgroup_size(lanes)
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let index = groupIndex(group, groups);
          let blocks = (dims.headDim + ${CHANNELS - 1}) / ${CHANNELS};
          if (index >= dims.batch * dims.heads * blocks) { return; }
          let block = index % blocks * ${CHANNELS};
          let head = index / blocks % dims.heads;
          let b = index / blocks / dims.heads;
          let channel = block + lane % ${CHANNELS};
          let works = channel < dims.headDim;
          let origin = lane / ${CHANNELS} * share; // of its share of the state
          let own = ((b * dims.heads + head) * dims.headDim + channel) * ${state} + origin;

          var h = array<f32, share>();
          if (hasInitialState && works) {
            for (var n = 0u; n < share; n++) { h[n] = initialState[own + n]; }
          }
          for (var first = 0u; first < dims.time; first += ${CHUNK}) {
            let length = min(${CHUNK}, dims.time - first);
            if (works) {
              for (var t = 0u; t < length; t++) {
                let row = b * dims.time + first + t;
                let kind = steps[kindAt(row)];
                if (kind == padding) { continue; }
                if (kind == beginning) {
                  for (var n = 0u; n < share; n++) { h[n] = 0.0; }
                }
                let at = row * dims.heads + head;
                let decay = steps[decayAt(at)];
                let drive = steps[at] * u[at * dims.headDim + channel];
                let vector = (row * dims.groups + head / (dims.heads / dims.groups)) * ${state} + origin;
                var out = 0.0;
                for (var n = 0u; n < share; n++) {
                  h[n] = fma(decay, h[n], drive * B[vector + n]);
                  out = fma(C[vector + n], h[n], out);
                }
                outs[t * lanes + lane] = out;
              }
            }
            workgroupBarrier();
            for (var i = lane; i < length * ${CHANNELS}; i += lanes) {
              let t = i / ${CHANNELS};
              let place = i % ${CHANNELS};
              if (block + place < dims.headDim) {
                var out = 0.0; // of no use where the step is padding
                for (var k = place; k < lanes; k += ${CHANNELS}) { out += outs[t * lanes + k]; }
                y[((b * dims.time + first + t) * dims.heads + head) * dims.headDim + block + place] = out;
              }
            }
            workgroupBarrier();
          }
          if (works) {
            for (var n = 0u; n < share; n++) { finalState[own + n] = h[n]; }
          }
        }
      `,
    },
    gatePass,
  ],
});
