import { cosineSine, groupIndex, wgsl, type Wgsl } from "@elapid/webgpu";
import { complex } from "./complex.wgsl.ts";
import { forEach, groupsOf } from "./each.wgsl.ts";

/** Points of a transform that fit into the memory of a workgroup: 8 KiB. */
const LOCAL = 1024;
const LANES = 256;
/** Stages that a pass over memory takes at once, sixteen points in registers. */
const STAGES = 4;
/** Passes over memory that are declared; those that a length does not need have no workgroups. 2³⁰ points take all. */
const PASSES = 5;

/** Rows of complex numbers in the scratch tensor `spectra`, all of as many points, of which a pass transforms some. */
export interface Rows<D> {
  readonly points: (dims: D) => number;
  readonly count: (dims: D) => number;
  /** `firstRow()` and `rowCount()`. */
  readonly source: Wgsl;
}

const stagesOf = (points: number, pass: number) => {
  const beyondLocal = Math.max(Math.log2(points / LOCAL), 0);
  return Math.min(Math.max(beyondLocal - STAGES * pass, 0), STAGES);
};

/** `points()` of a transform, as `paddedLength` counts them. */
export const paddedPoints = wgsl`
fn points() -> u32 {
  let length = dims.time + max(min(dims.taps, dims.time), 1) - 1;
  return 1u << (32 - countLeadingZeros(max(length, 1) - 1));
}`;

/** `pointAt(i)` and `setPoint(i, value)`, for passes that bind `spectra`. */
export const spectra = wgsl`${complex}
fn pointAt(i: u32) -> vec2f { return vec2f(spectra[2 * i], spectra[2 * i + 1]); }
fn setPoint(i: u32, value: vec2f) {
  spectra[2 * i] = value.x;
  spectra[2 * i + 1] = value.y;
}`;

/** What two points become in a stage, the first in `xy`. */
const takeApart = wgsl`${complex}${cosineSine}
fn butterfly(a: vec2f, b: vec2f, root: vec2f) -> vec4f { return vec4f(a + b, times(a - b, root)); }`;
const putTogether = wgsl`${complex}${cosineSine}
fn butterfly(a: vec2f, b: vec2f, root: vec2f) -> vec4f {
  let turned = conjTimes(root, b);
  return vec4f(a + turned, a - turned);
}`;

/**
 * Transforms of a power of two, in place. The way there takes the halves apart (decimation in frequency) and leaves the
 * spectrum in bit-reversed order, in which spectra are multiplied; the way back puts them together again, and nothing is
 * ever put in order. Stages between points far apart go over memory, four at a time with sixteen points in registers; from
 * 1024 points down a workgroup has them in its memory. So a transform of `points` reads and writes 8 bytes a point
 * `1 + log2(points / 1024) / 4` times, rounded up.
 */
export function transformPasses<D>({ points, count, source: rows }: Rows<D>, isForward: boolean) {
  const butterfly = isForward ? takeApart : putTogether;
  const moves = (dims: D) => ({ spectra: 4 * count(dims) * points(dims) });
  const overMemory = Array.from({ length: PASSES }, (_, at) => {
    const pass = isForward ? at : PASSES - 1 - at;
    return {
      binds: ["spectra"],
      workgroups: (dims: D) => {
        const stages = stagesOf(points(dims), pass);
        return stages === 0 ? 0 : groupsOf((count(dims) * points(dims)) / 2 ** stages);
      },
      moves,
      source: (dims: D) => {
        const needed = stagesOf(points(dims), pass);
        const stages = Math.max(needed, 1);
        const width = 2 ** stages;
        const shift = needed === 0 ? 1 : STAGES * pass + stages; // those that are not needed are one pipeline
        return wgsl`
          ${forEach}
          ${paddedPoints}
          ${spectra}
          ${butterfly}
          ${rows}

          fn count() -> u32 { return rowCount() * points() / ${width}; }

          fn each(i: u32) {
            let stride = points() >> ${shift}; // between the points of an invocation
            let k = i % stride;
            let start = firstRow() * points() + i / stride * stride * ${width} + k;
            var held = array<vec2f, ${width}>();
            for (var j = 0u; j < ${width}; j++) { held[j] = pointAt(start + j * stride); }
            for (var stage = 0u; stage < ${stages}; stage++) {
              let half = select(1u << stage, ${width / 2}u >> stage, ${isForward});
              for (var pair = 0u; pair < ${width / 2}; pair++) {
                let within = pair % half;
                let low = (pair / half) * 2 * half + within;
                let root = cosineSine(-3.141592653589793 * ((f32(within) + f32(k) / f32(stride)) / f32(half)));
                let both = butterfly(held[low], held[low + half], root);
                held[low] = both.xy;
                held[low + half] = both.zw;
              }
            }
            for (var j = 0u; j < ${width}; j++) { setPoint(start + j * stride, held[j]); }
          }
        `;
      },
    };
  });
  const local = {
    binds: ["spectra"],
    workgroups: (dims: D) => count(dims) * Math.ceil(points(dims) / LOCAL),
    moves,
    source: () => wgsl`
      ${groupIndex}
      ${paddedPoints}
      ${spectra}
      ${butterfly}
      ${rows}
      var<workgroup> held: array<vec2f, ${LOCAL}>;

      @compute @workgroup_size(${LANES})
      fn main(
        @builtin(workgroup_id) group: vec3u,
        @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32,
      ) {
        let size = min(points(), ${LOCAL});
        let block = groupIndex(group, groups);
        if (block >= rowCount() * (points() / size)) { return; }
        let start = firstRow() * points() + block * size;
        for (var i = lane; i < size; i += ${LANES}) { held[i] = pointAt(start + i); }
        for (var step = 1u; step < size; step *= 2) {
          let half = select(step, size / 2 / step, ${isForward});
          workgroupBarrier();
          for (var pair = lane; pair < size / 2; pair += ${LANES}) {
            let within = pair % half;
            let low = (pair / half) * 2 * half + within;
            let root = cosineSine(-3.141592653589793 * (f32(within) / f32(half)));
            let both = butterfly(held[low], held[low + half], root);
            held[low] = both.xy;
            held[low + half] = both.zw;
          }
        }
        workgroupBarrier();
        for (var i = lane; i < size; i += ${LANES}) { setPoint(start + i, held[i]); }
      }
    `,
  };
  return isForward ? [...overMemory, local] : [local, ...overMemory];
}
