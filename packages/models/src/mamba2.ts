import { Mamba2Mixer, type Init, type Mamba2MixerConfig } from "@elapid/nn";
import type { ConfigReader } from "./config.ts";
import { defineModel } from "./define.ts";
import { MAX_LAYERS, MixerModel, type MixerModelConfig } from "./mixer-model.ts";
import { stateSpacesStack } from "./state-spaces.ts";

export interface Mamba2Config extends MixerModelConfig, Mamba2MixerConfig {}

/** The Mamba-2 language model (Dao & Gu 2024; `MambaLMHeadModel` of state-spaces/mamba, `Mamba2ForCausalLM` of transformers). */
function buildMamba2(config: Mamba2Config, init: Init): MixerModel {
  return new MixerModel(config, init, (init) => new Mamba2Mixer(config, init));
}

/**
 * `model_type: "mamba2"`, as transformers saves it. As there, the mixer's norm spans all groups and comes after the
 * gate, whatever `norm_before_gate` says; unlike there, `time_step_limit` holds for single tokens too.
 */
export const mamba2 = defineModel({
  type: "mamba2",
  config: (json): Mamba2Config => {
    json.oneOf("hidden_act", ["silu", "swish"], "silu");
    const dModel = json.int("hidden_size");
    const dInner = json.int("expand", { fallback: 2 }) * dModel;
    const headDim = json.int("head_dim", { fallback: 64 });
    const nHeads = json.int("num_heads", { fallback: 128 });
    if (nHeads * headDim !== dInner) {
      throw new TypeError(
        `Cannot read "config.json": "num_heads" is ${nHeads} but ${dInner / headDim} was needed, "expand" times "hidden_size" by "head_dim"`,
      );
    }
    const normEps = json.positive("layer_norm_epsilon", 1e-5);
    return {
      dModel,
      nLayers: json.int("num_hidden_layers", { min: 0, max: MAX_LAYERS }),
      vocabSize: json.int("vocab_size"),
      dInner,
      nHeads,
      headDim,
      dState: json.int("state_size", { fallback: 128 }),
      nGroups: groupsOf(json, "n_groups", { fallback: 8, nHeads }),
      dConv: json.int("conv_kernel", { fallback: 4 }),
      bias: json.flag("use_bias", false),
      convBias: json.flag("use_conv_bias", true),
      outScale: json.flag("rescale_prenorm_residual", false) ? json.int("num_hidden_layers") ** -0.5 : 1,
      gatedNorm: { eps: normEps },
      ...deltaLimits(json, "time_step_limit"),
      norm: "rms",
      normEps,
      dIntermediate: 0,
      tied: json.flag("tie_word_embeddings", false),
    };
  },
  build: buildMamba2,
  scans: ["causal-conv1d", "ssd"],
  names: { embeddings: "embedding", dt_bias: "deltaBias", A_log: "logA" },
  ignored: ["lm_head.weight"],
});

/** Configs of the original state-spaces repository, whose `ssm_cfg` holds the arguments of its `Mamba2` layer. */
export const stateSpacesMamba2 = defineModel({
  type: "state-spaces/Mamba2",
  config: (json): Mamba2Config => {
    const stack = stateSpacesStack(json, "state-spaces/Mamba2");
    const ssm = json.object("ssm_cfg");
    const dInner = ssm.int("expand", { fallback: 2 }) * stack.dModel;
    const headDim = ssm.int("headdim", { fallback: 64 });
    const channels = ssm.int("d_ssm", { fallback: dInner, max: dInner });
    if (channels % headDim !== 0) {
      throw new TypeError(
        `Cannot read "config.json": "ssm_cfg.headdim" is ${headDim} but a divisor of the mixer's ${channels} channels was needed`,
      );
    }
    const nHeads = channels / headDim;
    const nGroups = groupsOf(ssm, "ngroups", { fallback: 1, nHeads });
    const beforeGate = ssm.flag("norm_before_gate", false);
    return {
      ...stack,
      dInner,
      nHeads,
      headDim,
      dState: ssm.int("d_state", { fallback: 128 }),
      nGroups,
      dConv: ssm.int("d_conv", { fallback: 4 }),
      bias: ssm.flag("bias", false),
      convBias: ssm.flag("conv_bias", true),
      gatedNorm: ssm.flag("rmsnorm", true) && { groups: nGroups, eps: 1e-5, beforeGate },
      channelD: ssm.flag("D_has_hdim", false),
      ...deltaLimits(ssm, "dt_limit"),
    };
  },
  build: buildMamba2,
  scans: ["causal-conv1d", "ssd"],
  names: { dt_bias: "deltaBias", A_log: "logA" },
  ignored: ["lm_head.weight"],
});

function groupsOf(json: ConfigReader, field: string, { fallback, nHeads }: { fallback: number; nHeads: number }) {
  const nGroups = json.int(field, { fallback });
  if (nHeads % nGroups === 0) return nGroups;
  throw new TypeError(
    `Cannot read "config.json": "${json.path}${field}" is ${nGroups} but a divisor of the ${nHeads} heads was needed`,
  );
}

/** Two numbers, of which one may be infinite; absent, all step sizes are allowed. */
function deltaLimits(json: ConfigReader, field: string): { readonly deltaMin: number; readonly deltaMax: number } {
  const value = json.raw(field) ?? [0, Infinity];
  const [deltaMin = NaN, deltaMax = NaN] = Array.isArray(value) ? value.map(numberOf) : [];
  if (deltaMin <= deltaMax) return { deltaMin, deltaMax };
  throw new TypeError(
    `Cannot read "config.json": "${json.path}${field}" is ${JSON.stringify(value)} but two numbers were needed, the smaller one first`,
  );
}

/** As transformers writes the number that JSON has no word for. */
const INFINITY = JSON.stringify({ __float__: "Infinity" });

function numberOf(value: unknown): number {
  if (JSON.stringify(value) === INFINITY) return Infinity;
  return typeof value === "number" ? value : NaN;
}
