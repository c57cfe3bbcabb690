import { reduce, wgsl } from "@elapid/webgpu";
import { siluSlope } from "../causal-conv1d/silu-slope.wgsl.ts";
import { layout, outputsOf, outsSize, projectionsOf, stepsOf, WORKGROUP, type Sizes } from "./layout.wgsl.ts";
import { each, type Mamba3Pass } from "./prepare.wgsl.ts";

/** `gateOf` and `gateSlopeOf` of an element, 1 and 0 where there is no gate. */
const gate = wgsl`${siluSlope}
fn gateInput(at: u32, r: u32, p: u32) -> f32 {
  return z[at * dims.headDim + p] * work[projectZAt((at % dims.heads * rank + r) * dims.headDim + p)];
}
fn gateOf(at: u32, r: u32, p: u32) -> f32 {
  if (hasZ) { return gateInput(at, r, p) * sigmoid(gateInput(at, r, p)); }
  return 1.0;
}
fn gateSlopeOf(at: u32, r: u32, p: u32) -> f32 {
  if (hasZ) { return siluSlope(gateInput(at, r, p)); }
  return 0.0;
}
fn upstreamOf(at: u32, p: u32) -> f32 {
  if (hasDy) { return dy[at * dims.headDim + p]; }
  return 0.0;
}`;

/** What a pass loads that goes over the outputs once more. */
const alongOutputs = (sizes: Sizes) => ({
  plan: sizes.batch * sizes.time,
  work: 3 * projectionsOf(sizes) + sizes.heads * sizes.headDim,
  shares: outputsOf(sizes),
  grads: stepsOf(sizes) * sizes.rank,
});

/** The way from `y` back to what a head reads from its state, a workgroup a step and head; outputs stay in the first slice of `shares`. */
export const outputBack: Mamba3Pass = {
  binds: ["x", "z", "dy", "plan", "work", "shares", "grads", "dz"],
  workgroups: stepsOf,
  // of outputs all slices, and their sum; gradients again where a norm is
  moves: (sizes, { given }) => ({
    plan: sizes.batch * sizes.time,
    work: 3 * projectionsOf(sizes) + sizes.heads,
    shares: outsSize(sizes) + outputsOf(sizes),
    grads: (given.has("normWeight") ? 3 : 1) * outputsOf(sizes),
  }),
  source: (sizes) => wgsl`
    ${layout(sizes)}
    ${reduce(WORKGROUP)}
    ${gate}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let at = groupIndex(group, groups);
      if (at >= atCount()) { return; }
      let head = at % dims.heads;
      let end = select(dims.headDim, 0u, plan[at / dims.heads] == padding); // of the channels that are worked on
      for (var p = lane; p < dims.headDim; p += ${WORKGROUP}) { dz[at * dims.headDim + p] = 0.0; }
      for (var r = 0u; r < rank; r++) {
        var squares = 0.0;
        for (var p = lane; p < end; p += ${WORKGROUP}) {
          var out = 0.0;
          for (var part = 0u; part < slices; part++) { out += shares[outAt(part, at, r, p)]; }
          let input = x[at * dims.headDim + p] * work[projectXAt((head * rank + r) * dims.headDim + p)];
          if (hasD) { out = fma(work[skipAt(head)], input, out); }
          shares[outAt(0, at, r, p)] = out;
          squares = fma(out, out, squares);
        }
        var scale = 1.0;
        if (hasNormWeight) { scale = 1.0 / sqrt(sumOf(squares, lane) / f32(dims.headDim) + dims.normEps); }
        if (lane == 0) { grads[scaleAt(at, r)] = scale; }
        var along = 0.0;
        for (var p = lane; p < end; p += ${WORKGROUP}) {
          let parameter = (head * rank + r) * dims.headDim + p;
          let scaled = shares[outAt(0, at, r, p)] * scale;
          let weight = work[normAt(head * dims.headDim + p)];
          let projected = upstreamOf(at, p) * work[projectYAt(parameter)];
          let gateGrad = projected * scaled * weight * gateSlopeOf(at, r, p);
          dz[at * dims.headDim + p] = fma(gateGrad, work[projectZAt(parameter)], dz[at * dims.headDim + p]);
          let grad = projected * gateOf(at, r, p) * weight;
          grads[gradAt(at, r, p)] = grad;
          along = fma(grad, scaled, along);
        }
        if (hasNormWeight) {
          let mean = sumOf(along, lane) / f32(dims.headDim);
          for (var p = lane; p < end; p += ${WORKGROUP}) {
            let scaled = shares[outAt(0, at, r, p)] * scale;
            grads[gradAt(at, r, p)] = scale * (grads[gradAt(at, r, p)] - scaled * mean);
          }
        }
      }
    }
  `,
};

/** Gradients of the projections of y and z, an invocation a parameter, which adds up steps. */
export const projectionsBack = each(
  ["z", "dy", "plan", "work", "shares", "grads", "dyProjection", "dzProjection"],
  projectionsOf,
  () => wgsl`
    ${gate}
    fn run(i: u32) {
      if (i >= projections()) { return; }
      let p = i % dims.headDim;
      let r = i / dims.headDim % rank;
      let head = i / dims.headDim / rank;
      var sumY = 0.0;
      var sumZ = 0.0;
      for (var row = 0u; row < rows(); row++) {
        if (plan[row] == padding) { continue; }
        let at = row * dims.heads + head;
        let scaled = shares[outAt(0, at, r, p)] * grads[scaleAt(at, r)];
        let grad = upstreamOf(at, p) * scaled * work[normAt(head * dims.headDim + p)];
        sumY = fma(grad, gateOf(at, r, p), sumY);
        if (hasZ) { sumZ = fma(grad * work[projectYAt(i)] * gateSlopeOf(at, r, p), z[at * dims.headDim + p], sumZ); }
      }
      dyProjection[i] = sumY;
      dzProjection[i] = sumZ;
    }
  `,
  alongOutputs,
);

/** Gradient of the norm's weight, an invocation a channel, which adds up steps and ranks. */
export const normBack = each(
  ["z", "dy", "plan", "work", "shares", "grads", "dnormWeight"],
  ({ heads, headDim }) => heads * headDim,
  () => wgsl`
    ${gate}
    fn run(i: u32) {
      if (i >= dims.heads * dims.headDim) { return; }
      let p = i % dims.headDim;
      let head = i / dims.headDim;
      var sum = 0.0;
      for (var row = 0u; row < rows() && hasNormWeight; row++) {
        if (plan[row] == padding) { continue; }
        let at = row * dims.heads + head;
        for (var r = 0u; r < rank; r++) {
          let projected = upstreamOf(at, p) * work[projectYAt((head * rank + r) * dims.headDim + p)];
          sum = fma(projected * gateOf(at, r, p), shares[outAt(0, at, r, p)] * grads[scaleAt(at, r)], sum);
        }
      }
      dnormWeight[i] = sum;
    }
  `,
  alongOutputs,
);

/** Gradient of the skip, a workgroup a head: what each lane finds of all steps and channels, then the lanes. */
export const skipBack: Mamba3Pass = {
  binds: ["x", "plan", "work", "grads", "dD"],
  workgroups: ({ heads }) => heads,
  moves: (sizes) => ({
    plan: sizes.batch * sizes.time,
    work: projectionsOf(sizes),
    grads: outputsOf(sizes),
  }),
  source: (sizes) => wgsl`
    ${layout(sizes)}
    ${reduce(WORKGROUP)}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let head = groupIndex(group, groups);
      if (head >= dims.heads) { return; }
      let width = rank * dims.headDim;
      var sum = 0.0;
      for (var i = lane; i < rows() * width; i += ${WORKGROUP}) {
        if (plan[i / width] == padding) { continue; }
        let at = i / width * dims.heads + head;
        let input = x[at * dims.headDim + i % dims.headDim] * work[projectXAt(head * width + i % width)];
        sum = fma(grads[gradAt(at, 0, i % width)], input, sum);
      }
      let total = sumOf(sum, lane);
      if (lane == 0) { dD[head] = total; }
    }
  `,
};
