import { nan, wgsl, type Pass, type Wgsl } from "@elapid/webgpu";
import { siluSlope } from "../causal-conv1d/silu-slope.wgsl.ts";
import { isNan } from "../linear-scan/is-nan.wgsl.ts";
import type { Mamba3Attributes } from "./head.ts";
import { biasesOf, groupsFor, layout, projectionsOf, stepsOf, WORKGROUP, type Sizes } from "./layout.wgsl.ts";
import { turn } from "./turn.wgsl.ts";

export type Mamba3Pass = Pass<Sizes, Mamba3Attributes>;

/** Says of each step what it does, and of each head its decay, trapezoid and step size: an invocation a step and head. */
export const planSteps: Mamba3Pass = {
  binds: ["mask", "seqIdx", "logDecay", "delta", "trap", "plan"],
  workgroups: (sizes) => groupsFor(stepsOf(sizes)),
  moves: (sizes) => ({ plan: sizes.batch * sizes.time + 3 * stepsOf(sizes) }),
  source: (sizes) => wgsl`
    ${layout(sizes)}
    ${siluSlope}
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
      let at = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (at >= atCount()) { return; }
      if (at % dims.heads == 0) { plan[at / dims.heads] = kindOf(at / dims.heads); }
      plan[stepAt(at)] = exponential(logDecay[at]);
      plan[stepAt(at) + 1] = select(trap[at], sigmoid(trap[at]), trapSigmoid);
      plan[stepAt(at) + 2] = delta[at];
    }
  `,
};

/** Adds up the angles of a pair: an invocation a sequence, head and pair, which walks time. */
export function planAngles(final: boolean): Mamba3Pass {
  return {
    binds: ["angles", "initialAngle", "plan", ...(final ? ["finalAngle"] : [])],
    workgroups: ({ batch, heads, pairs }) => groupsFor(batch * heads * pairs),
    moves: (sizes) => ({ plan: sizes.batch * sizes.time + stepsOf(sizes) * (1 + 2 * sizes.pairs) }),
    source: (sizes) => wgsl`
      ${layout(sizes)}
      ${turn}
      ${nan}
      ${isNan}
      ${final ? storeAngle : wgsl`fn storeAngle(i: u32, theta: Turn, broken: bool, moved: bool) {}`}
      @compute @workgroup_size(${WORKGROUP})
      fn main(
        @builtin(workgroup_id) group: vec3u,
        @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32,
      ) {
        let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
        if (i >= dims.batch * dims.heads * dims.pairs) { return; }
        let pair = i % dims.pairs;
        let head = i / dims.pairs % dims.heads;
        let b = i / dims.pairs / dims.heads;
        var theta = Turn(0u, 0.0);
        var broken = false; // not a number, which a whole number cannot say
        if (hasInitialAngle) {
          theta = turnOf(initialAngle[i] * 0.15915494309189535);
          broken = isNan(initialAngle[i]);
        }
        var moved = false;
        for (var t = 0u; t < dims.time; t++) {
          let row = b * dims.time + t;
          if (plan[row] == padding) { continue; }
          if (plan[row] == beginning) {
            theta = Turn(0u, 0.0);
            broken = false;
          }
          let at = row * dims.heads + head;
          let turns = 0.5 * tanhOf(angles[at * dims.pairs + pair]) * plan[stepAt(at) + 2];
          broken = broken || isNan(turns) || abs(turns) > 1e30;
          theta = turnAdd(theta, turnOf(turns));
          moved = true;
          let both = select(cosSin(theta.angle), vec2f(nan()), broken);
          plan[turnAt(at, pair)] = both.x;
          plan[turnAt(at, pair) + 1] = both.y;
        }
        storeAngle(i, theta, broken, moved);
      }
    `,
  };
}

const storeAngle = wgsl`
${turn}
${nan}
fn storeAngle(i: u32, theta: Turn, broken: bool, moved: bool) {
  if (!moved) {
    finalAngle[i] = 0.0;
    if (hasInitialAngle) { finalAngle[i] = initialAngle[i]; }
    return;
  }
  let within = f32(theta.angle) * 1.4629180792671596e-9; // 2π / 2^32
  let whole = select(theta.whole * 6.283185307179586, 0.0, wrapAngles);
  // the largest rounds to a turn
  finalAngle[i] = select(whole + min(within, 6.2831850), nan(), broken);
}`;

/** Copies parameters and what sequences start from into `work`, an invocation an element of each. */
export const gatherStart: Mamba3Pass = {
  binds: ["BBias", "CBias", "xProjection", "D", "initialB", "initialX", "work"],
  workgroups: (sizes) => groupsFor(Math.max(1, sizes.batch) * Math.max(biasesOf(sizes), projectionsOf(sizes))),
  moves: (sizes) => ({
    work: (sizes.batch + 2) * biasesOf(sizes) + (sizes.batch + 1) * projectionsOf(sizes) + sizes.heads,
  }),
  source: (sizes) => wgsl`
    ${layout(sizes)}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (i < biases()) {
        work[biasBAt(i)] = 0.0;
        work[biasCAt(i)] = 0.0;
        if (hasBBias) { work[biasBAt(i)] = BBias[i]; }
        if (hasCBias) { work[biasCAt(i)] = CBias[i]; }
      }
      if (i < projections()) {
        work[projectXAt(i)] = 1.0;
        if (hasXProjection) { work[projectXAt(i)] = xProjection[i]; }
      }
      if (i < dims.heads) {
        work[skipAt(i)] = 0.0;
        if (hasD) { work[skipAt(i)] = D[i]; }
      }
      if (i < dims.batch * biases()) {
        work[lastBAt(i)] = 0.0;
        if (hasInitialB) { work[lastBAt(i)] = initialB[i]; }
      }
      if (i < dims.batch * projections()) {
        work[lastXAt(i)] = 0.0;
        if (hasInitialX) { work[lastXAt(i)] = initialX[i]; }
      }
    }
  `,
};

/** Copies the parameters of the way out. */
export const gatherOutput: Mamba3Pass = {
  binds: ["zProjection", "yProjection", "normWeight", "work"],
  workgroups: (sizes) => groupsFor(projectionsOf(sizes)),
  moves: (sizes) => ({ work: 2 * projectionsOf(sizes) + sizes.heads * sizes.headDim }),
  source: (sizes) => wgsl`
    ${layout(sizes)}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (i >= projections()) { return; }
      work[projectZAt(i)] = 1.0;
      work[projectYAt(i)] = 1.0;
      if (hasZProjection) { work[projectZAt(i)] = zProjection[i]; }
      if (hasYProjection) { work[projectYAt(i)] = yProjection[i]; }
      if (i < dims.heads * dims.headDim) {
        work[normAt(i)] = 1.0;
        if (hasNormWeight) { work[normAt(i)] = normWeight[i]; }
      }
    }
  `,
};

/** A pass that is one invocation for each of `count` pieces of work: `fn run(i: u32)` in what `source` gives. */
export function each(
  binds: readonly string[],
  count: (sizes: Sizes) => number,
  source: (sizes: Sizes, context: Parameters<Mamba3Pass["source"]>[1]) => Wgsl,
  moves?: Mamba3Pass["moves"],
): Mamba3Pass {
  return {
    binds,
    workgroups: (sizes) => groupsFor(count(sizes)),
    moves,
    source: (sizes, context) => wgsl`
      ${layout(sizes)}
      ${source(sizes, context)}
      @compute @workgroup_size(${WORKGROUP})
      fn main(
        @builtin(workgroup_id) group: vec3u,
        @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32,
      ) {
        run(groupIndex(group, groups) * ${WORKGROUP} + lane);
      }
    `,
  };
}
