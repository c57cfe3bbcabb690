import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";
import { embeddingBackward } from "./embedding.backward.ts";

const WORKGROUP = 64;
/** Invocations that share the ids out: number `n` takes those that leave the remainder `n`. */
const CHAINS = 1024;
/** Numbers of rows are kept as floats, which are exact up to here. */
const MAX_ROWS = 2 ** 24;

/**
 * In the first pass 1024 invocations each walk all rows from the last to the first and chain those of the same
 * id, so that `heads` holds the first row of an id and `nexts` the one after a row, counted from 1. In the
 * second an invocation an element of the table sums what is in its chain. Sums have the order of the rows, so
 * the kernel is deterministic. Each id is read 1024 times, each element of `dy` once.
 */
export const embeddingBackwardChained = defineKernel(embeddingBackward, {
  algorithm: "chained",
  split: "dweight",
  suits: ({ rows }) => rows < MAX_ROWS,
  scratch: {
    heads: ({ vocab }) => vocab,
    nexts: ({ rows }) => Math.max(1, rows),
  },
  passes: [
    {
      binds: ["ids", "heads", "nexts"],
      workgroups: () => CHAINS / WORKGROUP,
      source: () => wgsl`
        @compute @workgroup_size(${WORKGROUP})
        fn main(@builtin(global_invocation_id) invocation: vec3u) {
          let chain = invocation.x;
          for (var id = chain; id < dims.vocab; id += ${CHAINS}) { heads[id] = 0.0; }
          for (var number = dims.rows; number > 0; number--) {
            let id = u32(ids[number - 1]); // too large for the table where it was negative
            if (id % ${CHAINS} == chain && id < dims.vocab) {
              nexts[number - 1] = heads[id];
              heads[id] = f32(number);
            }
          }
        }
      `,
    },
    {
      binds: ["dy", "dweight", "heads", "nexts"],
      workgroups: ({ partCount, features }) => Math.ceil((partCount * features) / WORKGROUP),
      source: () => wgsl`
        ${groupIndex}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (i >= dims.partCount * dims.features) { return; }
          let feature = i % dims.features;
          var sum = 0.0;
          var number = u32(heads[dims.partFirst + i / dims.features]);
          while (number > 0) {
            sum += dy[(number - 1) * dims.features + feature];
            number = u32(nexts[number - 1]);
          }
          dweight[i] = sum;
        }
      `,
    },
  ],
});
