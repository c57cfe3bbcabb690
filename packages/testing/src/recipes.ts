import { blank, MambaMixer, type MambaMixerState } from "@elapid/nn";
import { addRmsNorm, crossEntropy, layerNorm, rmsNorm, silu } from "@elapid/ops";
import { causalConv1d, selectiveScan } from "@elapid/scan";
import { concat, type Tensor } from "@elapid/tensor";
import { channelsFirst, type CaseInputs, type Outputs, type Recipe } from "./recipe.ts";
import { ltiRecipes } from "./recipes-lti.ts";
import { mamba3Recipes } from "./recipes-mamba3.ts";
import { ssdRecipes, stateUpdateWithHeads } from "./recipes-ssd.ts";
import { scanRecipes } from "./recipes-scan.ts";

/** The official functions that the ops can express, by name. */
export const recipes: Readonly<Record<string, Recipe>> = {
  ...ltiRecipes,
  ...mamba3Recipes,
  ...ssdRecipes,
  ...scanRecipes,

  selective_scan: {
    unsupported: ({ attrs }) => {
      if (attrs.complex_A === true) return "complex A";
      if (attrs.B !== "var" || attrs.C !== "var" || attrs.groups !== 1) {
        return `B "${attrs.B}" and C "${attrs.C}" with ${attrs.groups} groups; only "var" with one group is taken`;
      }
      return undefined;
    },
    run: ({ get, channelsLast, attrs }) => {
      const scan = (cut?: number) => {
        const sequence = (name: string) => {
          const whole = channelsLast(name);
          return cut === undefined ? whole : whole?.slice(1, 0, cut);
        };
        return selectiveScan(
          {
            u: sequence("u")!,
            delta: sequence("delta")!,
            A: get("A")!,
            B: sequence("B")!,
            C: sequence("C")!,
            D: get("D"),
            z: sequence("z"),
            deltaBias: get("delta_bias"),
            initialState: get("initial_state"),
          },
          { deltaSoftplus: attrs.delta_softplus === true },
        );
      };
      const { y, finalState } = scan();
      const outputs: Outputs = { y: channelsFirst(y), last_state: finalState };
      if (attrs.cut === undefined) return outputs;
      const prefix = scan(Number(attrs.cut));
      return { ...outputs, y_prefix: channelsFirst(prefix.y), state_after_prefix: prefix.finalState };
    },
  },

  // one token is a scan of one step
  selective_state_update: {
    run: (inputs) => {
      const { get, attrs } = inputs;
      if (attrs.heads === true) return stateUpdateWithHeads(inputs);
      const step = (name: string) => {
        const token = get(name);
        return token?.reshape([token.shape[0], 1, token.shape[1]]);
      };
      const { y, finalState } = selectiveScan(
        {
          u: step("x")!,
          delta: step("dt")!,
          A: get("A")!,
          B: step("B")!,
          C: step("C")!,
          D: get("D"),
          z: step("z"),
          deltaBias: get("dt_bias"),
          initialState: get("state"),
        },
        { deltaSoftplus: attrs.dt_softplus === true },
      );
      return { y, new_state: finalState };
    },
  },

  causal_conv1d: {
    unsupported: ({ attrs }) => (attrs.seq_idx === true ? "packed sequences (seq_idx)" : undefined),
    run: ({ get, channelsLast, attrs }) => {
      const { y, finalState } = causalConv1d(
        { x: channelsLast("x")!, weight: get("weight")!, bias: get("bias"), initialState: get("initial_state") },
        { activation: String(attrs.activation) },
      );
      return { y: channelsFirst(y), final_state: finalState };
    },
  },

  causal_conv1d_update: {
    unsupported: ({ attrs }) => (attrs.circular === true ? "circular state (cache_seqlens)" : undefined),
    run: ({ get, channelsLast, attrs }) => {
      const state = get("state")!;
      const weight = get("weight")!;
      const given = get("x")!;
      const { shape } = given;
      const past = weight.shape[1] - 1;
      const held = state.shape[2];
      // one step comes without an axis of time
      const x = shape.length === 2 ? given.reshape([shape[0], 1, shape[1]]) : channelsLast("x")!;
      const { y } = causalConv1d(
        { x, weight, bias: get("bias"), initialState: state.slice(2, held - past, held) },
        { activation: String(attrs.activation) },
      );
      const time = x.shape[1];
      const inputs = concat([state, given.reshape([shape[0], shape[1], time])], 2);
      return { y: channelsFirst(y), new_state: inputs.slice(2, time, time + held) };
    },
  },

  rms_norm: {
    run: ({ get, attrs }) => {
      const eps = Number(attrs.eps);
      const residual = get("residual");
      if (residual === undefined) return { y: rmsNorm(get("x")!, get("weight")!, eps) } as Outputs;
      const { y, sum } = addRmsNorm(get("x")!, residual, get("weight")!, eps);
      return { y, residual_out: sum };
    },
  },

  rms_norm_gated: {
    run: ({ get, attrs, device }) => {
      const size = Number(attrs.group_size);
      const z = get("z");
      const bias = get("bias");
      const gate = (x: Tensor) => (z === undefined ? x : x.mul(silu(z)));
      const norm = (x: Tensor) => {
        const groups = x.reshape([x.size / size, size]);
        const y = rmsNorm(groups, device.full([size], 1), Number(attrs.eps))
          .reshape(x.shape)
          .mul(get("weight")!);
        return bias === undefined ? y : y.add(bias);
      };
      const x = get("x")!;
      return { y: attrs.norm_before_gate === true ? gate(norm(x)) : norm(gate(x)) };
    },
  },

  mamba1_layer: {
    run: (inputs) => {
      const mixer = mixerOf(inputs);
      const { device } = inputs;
      const x = inputs.get("u")!;
      const { y } = mixer.forward({ x });
      // the states are those after going through the input one token at a time
      const states: MambaMixerState[] = [];
      for (let t = 0; t < x.shape[1]; t++) {
        states.push(mixer.forward({ x: x.slice(1, t, t + 1), state: states.at(-1) }).state);
      }
      const after = states.at(-1)!;
      // one input more than the next step needs is kept there: the oldest of the step before
      const oldest = states.at(-2)?.conv.slice(2, 0, 1) ?? device.zeros(after.conv.shape.with(2, 1));
      return { y, "state_after.conv": concat([oldest, after.conv], 2), "state_after.ssm": after.ssm };
    },
  },

  layer_norm: {
    run: ({ get, attrs }) => ({ y: layerNorm(get("x")!, get("weight")!, get("bias"), Number(attrs.eps)) }),
  },

  cross_entropy: {
    run: ({ get, attrs, values }) => {
      const { reduction, ignore_index: ignore, label_smoothing: smoothing } = attrs;
      const options = { ignoreIndex: Number(ignore), labelSmoothing: Number(smoothing) };
      const loss = crossEntropy(get("logits")!, get("labels")!, options);
      if (reduction === "none") return { loss } as Outputs;
      const counted = [...values.labels.data].filter((label) => label !== ignore).length;
      return { loss: { summed: loss, over: reduction === "sum" ? 1 : counted } };
    },
  },
};

/** Parameters of the mixer by our name, where the official one differs by more than snake_case. */
const officialNames: Readonly<Record<string, string>> = {
  logA: "A_log",
  "deltaProj.weight": "dt_proj.weight",
  "deltaProj.bias": "dt_proj.bias",
};

/** A mixer with the parameters of the case. */
function mixerOf(inputs: CaseInputs): MambaMixer {
  const { attrs, values, device } = inputs;
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
  const snakeCase = (path: string) => path.replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return inputs.module(
    () => new MambaMixer(config, blank(device)),
    (path) => `param.${officialNames[path] ?? snakeCase(path)}`,
  );
}
