import { wgsl } from "@elapid/webgpu";

/** Rows of `B` or `C` that channel `e` of sequence `b`, counted in the whole batch, reads: `first`, then each `stride` further. */
export const sharedRows = wgsl`
struct Rows { first: u32, stride: u32 }
fn rowsOf(batches: u32, times: u32, groups: u32, b: u32, e: u32) -> Rows {
  return Rows(select(b, 0, batches == 1) * times * groups + e / (dims.inner / groups), select(groups, 0, times == 1));
}
fn rowsOfB(b: u32, e: u32) -> Rows { return rowsOf(dims.batchB, dims.timeB, dims.groupsB, b, e); }
fn rowsOfC(b: u32, e: u32) -> Rows { return rowsOf(dims.batchC, dims.timeC, dims.groupsC, b, e); }`;
