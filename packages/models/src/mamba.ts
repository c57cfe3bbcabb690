import { MambaMixer, type Init, type MambaMixerConfig } from "@elapid/nn";
import type { ConfigReader } from "./config.ts";
import { defineModel } from "./define.ts";
import { MAX_LAYERS, MixerModel, type MixerModelConfig } from "./mixer-model.ts";
import { stateSpacesStack } from "./state-spaces.ts";

export interface MambaConfig extends MixerModelConfig, MambaMixerConfig {}

/** The Mamba-1 language model (Gu & Dao 2023; `MambaLMHeadModel` of state-spaces/mamba, `MambaForCausalLM` of transformers). */
function buildMamba(config: MambaConfig, init: Init): MixerModel {
  return new MixerModel(config, init, (init) => new MambaMixer(config, init));
}

/** `model_type: "mamba"`, as transformers saves it. */
export const mamba = defineModel({
  type: "mamba",
  config: (json): MambaConfig => {
    json.oneOf("hidden_act", ["silu", "swish"], "silu");
    const dModel = json.int("hidden_size");
    return {
      dModel,
      nLayers: json.int("num_hidden_layers", { min: 0, max: MAX_LAYERS }),
      vocabSize: json.int("vocab_size"),
      dInner: json.int("intermediate_size", { fallback: json.int("expand", { fallback: 2 }) * dModel }),
      dState: json.int("state_size", { fallback: 16 }),
      dConv: json.int("conv_kernel", { fallback: 4 }),
      dtRank: rankOf(json, "time_step_rank", dModel),
      bias: json.flag("use_bias", false),
      convBias: json.flag("use_conv_bias", true),
      outScale: json.flag("rescale_prenorm_residual", false) ? json.int("num_hidden_layers") ** -0.5 : 1,
      norm: "rms",
      normEps: json.positive("layer_norm_epsilon", 1e-5),
      dIntermediate: 0,
      tied: json.flag("tie_word_embeddings", true),
    };
  },
  build: buildMamba,
  scans: ["causal-conv1d", "selective-scan"],
  names: { embeddings: "embedding", dt_proj: "deltaProj", A_log: "logA" },
  ignored: ["lm_head.weight"],
});

/** Configs of the original state-spaces repository, whose `ssm_cfg` holds the arguments of its `Mamba` layer. */
export const stateSpacesMamba = defineModel({
  type: "state-spaces/Mamba1",
  config: (json): MambaConfig => {
    const stack = stateSpacesStack(json, "state-spaces/Mamba1");
    const ssm = json.object("ssm_cfg");
    return {
      ...stack,
      dInner: ssm.int("expand", { fallback: 2 }) * stack.dModel,
      dState: ssm.int("d_state", { fallback: 16 }),
      dConv: ssm.int("d_conv", { fallback: 4 }),
      dtRank: rankOf(ssm, "dt_rank", stack.dModel),
      bias: ssm.flag("bias", false),
      convBias: ssm.flag("conv_bias", true),
    };
  },
  build: buildMamba,
  scans: ["causal-conv1d", "selective-scan"],
  names: { dt_proj: "deltaProj", A_log: "logA" },
  ignored: ["lm_head.weight"],
});

/** `"auto"` stands for a sixteenth of the model's width. */
function rankOf(json: ConfigReader, field: string, dModel: number): number {
  const value = json.raw(field) ?? "auto";
  return value === "auto" ? Math.ceil(dModel / 16) : json.int(field);
}
