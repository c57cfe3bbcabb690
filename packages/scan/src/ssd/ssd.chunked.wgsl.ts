import { defineKernel, wgsl } from "@elapid/webgpu";
import {
  carriesOf,
  CHUNK,
  chunkStatesPass,
  EACH,
  groupsFor,
  inside,
  layout,
  PITCH,
  piecesOf,
  SIDE,
  stepsPass,
  WORKGROUP,
} from "./ssd.chunk.wgsl.ts";
import { gatePass } from "./ssd.gate.wgsl.ts";
import { ssd } from "./ssd.ts";

/**
 * The scan in chunks of 32 steps that are computed side by side, whatever `chunkSize` says:
 *
 * 1. `steps`, an invocation a step and head: step size and decay;
 * 2. a workgroup for a chunk and 32 by 32 entries of a head's state: what the chunk adds to it;
 * 3. an invocation an entry of the state: carries it over the borders of chunks;
 * 4. a workgroup for a chunk of a head: `C Bᵀ ∘ L` in 4.1 KiB that it shares, L column by column as a running product; then,
 *    32 channels at a time, its product with `u`, and that of `C` with the state before the chunk;
 * 5. the gate, an invocation an element.
 *
 * Deterministic. Multiply-adds: `batch · time · heads · (2 · headDim · state + 32 · (headDim + state))`, the scores being made
 * anew for each head of a group. Scratch: `state / 32` times `u` for the states at the borders and `2 / headDim` for the
 * steps. With state 128 and 64 channels, an element costs 13 loads (u 3, z, y, and of the states 8) and 10 stores (y 2, of the
 * states 8) where `B` and `C` come from cache; 2 loads and 1 store are the least possible. Suits long sequences.
 */
export const ssdChunkedForward = defineKernel(ssd, {
  algorithm: "chunked",
  along: "batch",
  suits: ({ time, state }, { attributes: { chunkSize } }) => state >= 1 && (chunkSize > 0 || time >= 2 * CHUNK),
  scratch: {
    steps: (dims) => dims.batch * dims.time * (2 * dims.heads + 1) + piecesOf(dims),
    carries: carriesOf,
  },
  passes: [
    stepsPass,
    chunkStatesPass,
    {
      binds: ["initialState", "finalState", "steps", "carries"],
      workgroups: ({ batch, heads, headDim, state }) => groupsFor(batch * heads * headDim * state),
      moves: (dims) => ({ steps: piecesOf(dims), carries: 2 * carriesOf(dims) }),
      source: () => wgsl`
        ${layout}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let size = dims.headDim * dims.state;
          if (i >= dims.batch * dims.heads * size) { return; }
          let head = i / size % dims.heads;
          let b = i / size / dims.heads;
          var h = 0.0;
          if (hasInitialState) { h = initialState[i]; }
          for (var chunk = 0u; chunk < chunks(); chunk++) {
            let piece = (b * chunks() + chunk) * dims.heads + head;
            let place = stateAt(piece) + i % size;
            let added = carries[place];
            carries[place] = h;
            h = added + through(h, steps[totalAt(piece)]);
          }
          finalState[i] = h;
        }
      `,
    },
    {
      binds: ["u", "B", "C", "steps", "carries", "y"],
      workgroups: piecesOf,
      source: () => wgsl`
        ${inside}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let index = groupIndex(group, groups);
          if (index >= pieces()) { return; }
          let piece = pieceAt(index);
          let row = lane / ${SIDE};
          let column = lane % ${SIDE};
          weigh(piece, lane);
          workgroupBarrier();
          let products = scores(piece, row, column);
          for (var i = 0u; i < ${EACH}; i++) {
            for (var j = 0u; j < ${EACH}; j++) {
              let at = (row + i * ${SIDE}) * ${PITCH} + column + j * ${SIDE};
              within[at] = weighted(within[at], products[i * ${EACH} + j]);
            }
          }
          workgroupBarrier();
          for (var p = column; p < dims.headDim; p += ${CHUNK}) {
            let outs = output(piece, row, p);
            for (var i = 0u; i < ${EACH}; i++) {
              for (var j = 0u; j < ${EACH}; j++) {
                let t = row + i * ${SIDE};
                let channel = p + j * ${SIDE};
                if (t < piece.length && channel < dims.headDim) {
                  y[channelsAt(piece, t) + channel] = outs[i * ${EACH} + j];
                }
              }
            }
          }
        }
      `,
    },
    gatePass,
  ],
});
