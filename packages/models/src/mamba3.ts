import { Mamba3Mixer, type Mamba3MixerConfig } from "@elapid/nn";
import { defineModel } from "./define.ts";
import { MixerModel, type MixerModelConfig } from "./mixer-model.ts";
import { stateSpacesStack } from "./state-spaces.ts";

export interface Mamba3Config extends MixerModelConfig, Mamba3MixerConfig {}

/**
 * The Mamba-3 language model (Lahoti et al. 2026; `MambaLMHeadModel` of state-spaces/mamba), whose `ssm_cfg` holds the arguments of
 * its `Mamba3` layer. `chunk_size` and `fuse_pregate_headwise_norm` say how the official kernels compute, not what, and are not read.
 */
export const stateSpacesMamba3 = defineModel({
  type: "state-spaces/Mamba3",
  config: (json): Mamba3Config => {
    const stack = stateSpacesStack(json, "state-spaces/Mamba3");
    const ssm = json.object("ssm_cfg");
    const dInner = ssm.int("expand", { fallback: 2 }) * stack.dModel;
    const headDim = ssm.int("headdim", { fallback: 64 });
    if (dInner % headDim !== 0) {
      throw new TypeError(
        `Cannot read "config.json": "ssm_cfg.headdim" is ${headDim} but a divisor of the mixer's ${dInner} channels was needed`,
      );
    }
    const nHeads = dInner / headDim;
    const nGroups = ssm.int("ngroups", { fallback: 1 });
    if (nHeads % nGroups !== 0) {
      throw new TypeError(
        `Cannot read "config.json": "ssm_cfg.ngroups" is ${nGroups} but a divisor of the ${nHeads} heads was needed`,
      );
    }
    const turned = ssm.positive("rope_fraction", 0.5);
    if (turned > 1) {
      throw new TypeError(
        `Cannot read "config.json": "ssm_cfg.rope_fraction" is ${turned} but a number above 0 and up to 1 was needed`,
      );
    }
    const dState = ssm.int("d_state", { fallback: 128 });
    return {
      ...stack,
      nHeads,
      headDim,
      dState,
      nGroups,
      nAngles: Math.floor(Math.floor(dState * turned) / 2),
      mimoRank: ssm.flag("is_mimo", false) ? ssm.int("mimo_rank", { fallback: 4 }) : undefined,
      headNorm: ssm.flag("is_outproj_norm", false),
      aFloor: ssm.positive("A_floor", 1e-4),
    };
  },
  build: (config, init) => new MixerModel(config, init, (init) => new Mamba3Mixer(config, init)),
  scans: ["mamba3"],
  names: { dt_bias: "deltaBias", B_bias: "BBias", C_bias: "CBias", B_norm: "BNorm", C_norm: "CNorm" },
  ignored: ["lm_head.weight"],
});
