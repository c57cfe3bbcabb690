import { UnsupportedError } from "@elapid/tensor";
import type { ConfigReader } from "./config.ts";
import { MAX_LAYERS, type MixerModelConfig } from "./mixer-model.ts";

/**
 * What configs of the original state-spaces repository say of the stack, whatever `ssm_cfg` says of its mixers.
 *
 * @throws UnsupportedError if some layers are attention.
 */
export function stateSpacesStack(json: ConfigReader, type: string): MixerModelConfig {
  const attention = json.raw("attn_layer_idx");
  if (Array.isArray(attention) && attention.length > 0) {
    throw new UnsupportedError(
      `Cannot read "config.json": "attn_layer_idx" names attention layers, which "${type}" has no support for`,
    );
  }
  const multiple = json.int("pad_vocab_size_multiple", { fallback: 8 });
  return {
    dModel: json.int("d_model"),
    nLayers: json.int("n_layer", { min: 0, max: MAX_LAYERS }),
    vocabSize: roundUp(json.int("vocab_size"), multiple),
    norm: json.flag("rms_norm", true) ? "rms" : "layer",
    normEps: 1e-5,
    dIntermediate: roundUp(json.int("d_intermediate", { fallback: 0, min: 0 }), 128), // as GatedMLP of mamba_ssm does
    tied: json.flag("tie_embeddings", true),
  };
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
