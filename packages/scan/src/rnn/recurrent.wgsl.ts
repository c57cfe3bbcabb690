import { groupIndex, wgsl, type Wgsl } from "@elapid/webgpu";
import { stepKind } from "../selective-scan/step-kind.wgsl.ts";

const WORKGROUP = 64;

/** Invocations of the workgroup that walks a sequence: one a channel, up to 256. */
export const lanesOf = ({ hidden }: { readonly hidden: number }): number =>
  hidden > 128 ? 256 : hidden > 64 ? 128 : 64;

/** The most channels whose states fit in what every device grants a workgroup. */
export const MOST_CHANNELS = 4096;

/** A pass that binds `mask`, `seqIdx` and `kinds`: what each step does to the state, an invocation a step. */
export const kindsPass = {
  binds: ["mask", "seqIdx", "kinds"],
  workgroups: ({ batch, time }: { readonly batch: number; readonly time: number }) =>
    Math.ceil((batch * time) / WORKGROUP),
  source: (): Wgsl => wgsl`
    ${groupIndex}
    ${stepKind}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let row = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (row < dims.batch * dims.time) { kinds[row] = stepKind(row); }
    }
  `,
};

/** A pass that binds `weight`, of so many gates, and `turned`: its "gates hidden" changed over, so that neighbours read neighbours. */
export const turnPass = (gates: number) => ({
  binds: ["weight", "turned"],
  workgroups: ({ hidden }: { readonly hidden: number }) => Math.ceil((gates * hidden * hidden) / WORKGROUP),
  source: (): Wgsl => wgsl`
    ${groupIndex}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let at = groupIndex(group, groups) * ${WORKGROUP} + lane;
      let rows = ${gates} * dims.hidden;
      if (at < rows * dims.hidden) { turned[at] = weight[at % rows * dims.hidden + at / rows]; }
    }
  `,
});
