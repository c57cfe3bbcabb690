import { languageModelConfig } from "@elapid/models";
import type { Tokenizer } from "elapid";
import type { Settings } from "./settings.ts";

/**
 * The `config.json` that transformers and elapid read. Projections out of mixers begin scaled down by depth; the flag that
 * says so is {@link asItStarts}'s, as transformers 5 would scale those of a finished model once more.
 */
export function modelConfig(settings: Settings, tokenizer: Tokenizer): Readonly<Record<string, unknown>> {
  const { kind, dModel, layers, dState, headDim, blocks, dIntermediate, positions } = settings;
  const dInner = 2 * dModel;
  const ids = Object.fromEntries(
    Object.entries({ bos: tokenizer.bosId, eos: tokenizer.eosId, pad: tokenizer.padId })
      .filter(([, id]) => id !== undefined)
      .map(([name, id]) => [`${name}_token_id`, id]),
  );
  if (blocks !== undefined) {
    const config = { vocabSize: vocabSizeOf(tokenizer), dModel, blocks, dIntermediate, positions };
    return { ...languageModelConfig({ ...config, maxPositions: settings.time }), ...ids };
  }
  const common = {
    model_type: kind,
    vocab_size: vocabSizeOf(tokenizer),
    hidden_size: dModel,
    num_hidden_layers: layers,
    state_size: dState,
    conv_kernel: 4,
    expand: 2,
    hidden_act: "silu",
    use_bias: false,
    use_conv_bias: true,
    layer_norm_epsilon: 1e-5,
    residual_in_fp32: true,
    rescale_prenorm_residual: false,
    tie_word_embeddings: true,
    torch_dtype: "float32",
    ...ids,
  };
  if (kind === "mamba") {
    const dtRank = Math.ceil(dModel / 16);
    return { architectures: ["MambaForCausalLM"], ...common, intermediate_size: dInner, time_step_rank: dtRank };
  }
  const nHeads = Math.floor(dInner / headDim);
  const heads = { head_dim: headDim, num_heads: nHeads, n_groups: 1, chunk_size: 64, rms_norm: true };
  return { architectures: ["Mamba2ForCausalLM"], ...common, ...heads };
}

/** The config of a model that is about to be trained. */
export function asItStarts(config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { ...config, rescale_prenorm_residual: true };
}

/** Ids may have gaps; the table of embeddings has a row for each. */
function vocabSizeOf(tokenizer: Tokenizer): number {
  let size = tokenizer.vocabSize;
  for (const id of tokenizer.specialIds) size = Math.max(size, id + 1);
  return size;
}

/** The `generation_config.json` beside it. */
export function generationConfig({ bosId, eosId, padId }: Tokenizer): Readonly<Record<string, unknown>> {
  const sampling = { do_sample: true, temperature: 0.8, top_p: 0.95, max_new_tokens: 256 };
  return { bos_token_id: bosId, eos_token_id: eosId, pad_token_id: padId, ...sampling };
}
