import { checkpointName } from "@elapid/models";
import { blank, Mamba2Mixer, Mamba3Mixer, MambaMixer, type Init, type Module } from "@elapid/nn";
import { matmul } from "@elapid/ops";
import { causalConv1d, ssd } from "@elapid/scan";
import { concat, type Tensor } from "@elapid/tensor";
import type { CaseInputs, Outputs, Recipe } from "./recipe.ts";
import { swapRanks } from "./recipes-mamba3.ts";
import { gatedRmsNorm } from "./recipes-norm.ts";
import { stepLimits } from "./recipes-ssd.ts";

/** Whole mixers of the official code, by name. */
export const mixerRecipes: Readonly<Record<string, Recipe>> = {
  mamba1_layer: {
    run: (inputs) => {
      const { attrs, values } = inputs;
      const [dInner, dState] = values["param.A_log"].shape;
      const config = {
        dModel: Number(attrs.d_model),
        dInner,
        dState,
        dConv: Number(attrs.d_conv),
        dtRank: values["param.dt_proj.weight"].shape[1],
        bias: attrs.bias === true,
        convBias: attrs.conv_bias !== false,
      };
      return runConvLayer(inputs, (init) => new MambaMixer(config, init));
    },
  },

  mamba2_layer: {
    run: (inputs) => {
      const { attrs, values } = inputs;
      const [nHeads] = values["param.A_log"].shape;
      const [, , dConv] = values["param.conv1d.weight"].shape;
      const nGroups = Number(attrs.ngroups);
      const config = {
        dModel: Number(attrs.d_model),
        dInner: values["param.out_proj.weight"].shape[1],
        nHeads,
        headDim: Number(attrs.headdim),
        dState: Number(attrs.d_state),
        nGroups,
        dConv,
        bias: attrs.bias === true,
        gatedNorm: attrs.rmsnorm !== false && { groups: nGroups, beforeGate: attrs.norm_before_gate === true },
        channelD: attrs.D_has_hdim === true,
        ...stepLimits(attrs),
      };
      return runConvLayer(inputs, (init) => new Mamba2Mixer(config, init));
    },
  },

  mamba3_layer: {
    run: (inputs) => {
      const { attrs, values } = inputs;
      const [nHeads, rank, dState] = values["param.B_bias"].shape;
      const headDim = Number(attrs.headdim);
      const nGroups = Number(attrs.ngroups ?? 1);
      const mimoRank = attrs.is_mimo === true ? rank : undefined;
      const projected = values["param.in_proj.weight"].shape[0];
      const config = {
        dModel: Number(attrs.d_model),
        ...{ nHeads, headDim, dState, nGroups, mimoRank },
        nAngles: projected - 2 * nHeads * headDim - 2 * rank * nGroups * dState - 3 * nHeads,
        headNorm: attrs.is_outproj_norm === true,
      };
      const { y, states } = runLayer(inputs, (init) => new Mamba3Mixer(config, init));
      const { ssm, B, x, angle } = states.at(-1)!;
      return {
        y,
        "state_after.angle": { angles: angle },
        "state_after.ssm": ssm,
        "state_after.k": swapRanks(B, 1),
        "state_after.v": unprojected(inputs, x),
      };
    },
  },

  // from after the first projection to the last, whose width is another
  mamba2_inner: {
    run: ({ get, attrs }) => {
      const zxbcdt = get("zxbcdt")!;
      const [batch, time] = zxbcdt.shape;
      const { nheads, headdim, groups, state } = attrs;
      const byHead = [batch, time, Number(nheads), Number(headdim)];
      const byGroup = [batch, time, Number(groups), Number(state)];
      const channels = byHead[2] * byHead[3];
      const vectors = byGroup[2] * byGroup[3]; // of B and of C
      const [z, stream, delta] = zxbcdt.split([channels, channels + 2 * vectors, byHead[2]]);
      const { y: convolved } = causalConv1d(
        { x: stream, weight: get("conv1d_weight")!, bias: get("conv1d_bias") },
        { activation: String(attrs.activation) },
      );
      const [u, B, C] = convolved.split([channels, vectors, vectors]);
      const weight = get("rmsnorm_weight");
      const { y } = ssd(
        {
          u: u.reshape(byHead),
          delta,
          A: get("A")!,
          B: B.reshape(byGroup),
          C: C.reshape(byGroup),
          D: get("D"),
          z: weight === undefined ? z.reshape(byHead) : undefined,
          deltaBias: get("dt_bias"),
        },
        { deltaSoftplus: true },
      );
      const scanned = y.reshape([batch, time, channels]);
      const gated = weight === undefined ? scanned : gatedRmsNorm({ x: scanned, z, weight }, attrs);
      return { y: matmul(gated, get("outproj_weight")!, get("outproj_bias")) };
    },
  },
};

interface StatefulMixer<S> extends Module {
  forward(input: { readonly x: Tensor; readonly state?: S | undefined }): { y: Tensor; state: S };
}

/** Parameters of mixers by our name, where the official one differs by more than snake_case. */
const officialNames = {
  ...{ A_log: "logA", dt_proj: "deltaProj", dt_bias: "deltaBias" },
  ...{ B_bias: "BBias", C_bias: "CBias", B_norm: "BNorm", C_norm: "CNorm" },
};

/** What a mixer with the parameters of the case gives for its input, and its states after each token of it by itself. */
function runLayer<S>(inputs: CaseInputs, make: (init: Init) => StatefulMixer<S>) {
  const { device } = inputs;
  const mixer = inputs.module(
    () => make(blank(device)),
    (path) => `param.${checkpointName(path, officialNames)}`,
  );
  const x = inputs.get("u")!;
  const { y } = mixer.forward({ x });
  const states: S[] = [];
  for (let t = 0; t < x.shape[1]; t++) {
    states.push(mixer.forward({ x: x.slice(1, t, t + 1), state: states.at(-1) }).state);
  }
  return { y, states };
}

/** Output and last states of a mixer that begins with a convolution. */
function runConvLayer(
  inputs: CaseInputs,
  make: (init: Init) => StatefulMixer<{ readonly conv: Tensor; readonly ssm: Tensor }>,
): Outputs {
  const { y, states } = runLayer(inputs, make);
  const after = states.at(-1)!;
  // one input more than the next step needs is kept there: the oldest of the step before
  const oldest = states.at(-2)?.conv.slice(2, 0, 1) ?? inputs.device.zeros(after.conv.shape.with(2, 1));
  return { y, "state_after.conv": concat([oldest, after.conv], 2), "state_after.ssm": after.ssm };
}

/** The input of a Mamba-3 head before its projection to ranks, from that of the first. */
function unprojected({ device, values }: CaseInputs, x: Tensor): Tensor {
  const [batch, heads, , headDim] = x.shape;
  const first = x.slice(2, 0, 1).reshape([batch, heads, headDim]);
  const projection = values["param.mimo_x"];
  if (projection === undefined) return first;
  const [, rank] = projection.shape;
  const inverse = (_: unknown, i: number) =>
    1 / projection.data[Math.floor(i / headDim) * rank * headDim + (i % headDim)];
  return first.mul(device.tensor(Float32Array.from({ length: heads * headDim }, inverse), [heads, headDim]));
}
