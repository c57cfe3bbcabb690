import { groupIndex, wgsl, type Wgsl } from "@elapid/webgpu";

const WORKGROUP = 64;

/** Steps that an invocation takes one after the other; a workgroup handles `WORKGROUP` times as many at once. */
const STEPS = 8;

/**
 * The entry point of a scan along the rows of "rows time", by an operator that is associative. A workgroup owns a row
 * and goes along it in tiles of 512 steps, `carry` being all that lies before the tile. In a tile an invocation combines
 * eight steps, the workgroup scans what its invocations got (Hillis and Steele: six rounds), and each goes through its
 * steps again, from what lies before them. The order is fixed: the bits depend on nothing but the row.
 *
 * Work: two combinations an element and 6 · 64 a tile; one pass, no workgroup waits for another. Every input of
 * `elementOf` is loaded twice, the second time from cache. Workgroup memory is 64 `Part`s, at most 1 KiB.
 *
 * The kernel declares
 *
 * - `Part`, what some neighbouring steps amount to, and `combine(first: Part, second: Part) -> Part`;
 * - `fromEnd`, whether it runs from the last element to the first;
 * - `startOf(row) -> Part`, what lies before the first step;
 * - `elementOf(at) -> Part`, a step;
 * - `put(row, at, step, before: Part, after: Part)`, what becomes of a step, and `finish(row, all: Part)`.
 */
export const scanRows: Wgsl = wgsl`
${groupIndex}
var<workgroup> parts: array<Part, ${WORKGROUP}>;

fn placeOf(row: u32, step: u32) -> u32 {
  return row * dims.time + select(step, dims.time - 1u - step, fromEnd);
}

@compute @workgroup_size(${WORKGROUP})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = groupIndex(group, groups);
  if (row >= dims.rows) { return; }
  var carry = startOf(row);
  for (var tile = 0u; tile < dims.time; tile += ${WORKGROUP * STEPS}) {
    let first = min(tile + lane * ${STEPS}, dims.time);
    let end = min(first + ${STEPS}, dims.time);
    let lanes = min((dims.time - tile + ${STEPS - 1}) / ${STEPS}, ${WORKGROUP}u); // that have steps in this tile
    if (first < end) {
      var part = elementOf(placeOf(row, first));
      for (var step = first + 1u; step < end; step++) { part = combine(part, elementOf(placeOf(row, step))); }
      parts[lane] = part;
    }
    workgroupBarrier();
    for (var reach = 1u; reach < ${WORKGROUP}u; reach *= 2u) {
      var part = parts[lane];
      if (lane >= reach) { part = combine(parts[lane - reach], part); }
      workgroupBarrier();
      parts[lane] = part;
      workgroupBarrier();
    }
    var before = carry;
    if (lane > 0u) { before = combine(carry, parts[lane - 1u]); }
    for (var step = first; step < end; step++) {
      let at = placeOf(row, step);
      let after = combine(before, elementOf(at));
      put(row, at, step, before, after);
      before = after;
    }
    carry = combine(carry, parts[lanes - 1u]);
    workgroupBarrier();
  }
  if (lane == 0u) { finish(row, carry); }
}`;
