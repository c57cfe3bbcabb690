import {
  Embedding,
  GatedMlp,
  LayerNorm,
  Linear,
  MambaMixer,
  Module,
  RmsNorm,
  type Init,
  type MambaMixerConfig,
  type MambaMixerState,
  type Norm,
} from "@elapid/nn";
import type { Tensor } from "@elapid/tensor";
import type { ConfigReader } from "./config.ts";
import { defineModel, type CausalModel, type ForwardOptions, type ForwardResult, type LayerState } from "./define.ts";

export interface MambaConfig extends MambaMixerConfig {
  readonly nLayers: number;
  readonly vocabSize: number;
  readonly norm: "rms" | "layer";
  readonly normEps: number;
  /** Width of a gated MLP after each mixer; 0 for none. */
  readonly dIntermediate: number;
  /** The output head is the embedding. */
  readonly tied: boolean;
}

/** Norm and mixer, and with `dIntermediate` norm and MLP, each added to the residual stream. */
class MambaBlock extends Module {
  readonly norm: Norm;
  readonly mixer: MambaMixer;
  readonly norm2: Norm | undefined;
  readonly mlp: GatedMlp | undefined;

  constructor(config: MambaConfig, init: Init) {
    super();
    this.norm = normOf(config, init);
    this.mixer = new MambaMixer(config, init);
    if (config.dIntermediate > 0) {
      this.norm2 = normOf(config, init);
      this.mlp = new GatedMlp(config.dModel, config.dIntermediate, init);
    }
  }

  /** `normed` is the norm of `residual`; the sum of what comes back is the stream after this block. */
  forward(normed: Tensor, residual: Tensor, state: LayerState | undefined, mask: Tensor | undefined) {
    const mixed = this.mixer.forward({ x: normed, state: state as MambaMixerState | undefined, mask });
    if (this.norm2 === undefined || this.mlp === undefined) return { x: mixed.y, residual, state: mixed.state };
    const { y, sum } = this.norm2.addForward(mixed.y, residual);
    return { x: this.mlp.forward(y), residual: sum, state: mixed.state };
  }
}

class MambaBackbone extends Module {
  readonly embedding: Embedding;
  readonly layers: readonly MambaBlock[];
  readonly normF: Norm;

  constructor(config: MambaConfig, init: Init) {
    super();
    this.embedding = new Embedding(config.vocabSize, config.dModel, init);
    this.layers = Array.from({ length: config.nLayers }, () => new MambaBlock(config, init));
    this.normF = normOf(config, init);
  }
}

/** The Mamba-1 language model (Gu & Dao 2023; `MambaLMHeadModel` of state-spaces/mamba, `MambaForCausalLM` of transformers). */
export class Mamba extends Module implements CausalModel {
  readonly backbone: MambaBackbone;
  readonly lmHead: Linear | undefined;

  constructor(config: MambaConfig, init: Init) {
    super();
    this.backbone = new MambaBackbone(config, init);
    if (!config.tied) this.lmHead = new Linear(config.dModel, config.vocabSize, init);
  }

  get vocabSize(): number {
    return this.backbone.embedding.weight.shape[0];
  }

  freeze(): void {
    for (const { mixer } of this.backbone.layers) mixer.freeze();
  }

  forward(
    ids: Tensor,
    { layers: carried, mask, logits: wanted = "all", onHidden }: ForwardOptions = {},
  ): ForwardResult {
    const { embedding, layers, normF } = this.backbone;
    if (carried !== undefined && carried.length !== layers.length) {
      throw new TypeError(
        `Cannot run the model: the state has ${carried.length} layers but the model ${layers.length}; it is of another model`,
      );
    }
    const { device } = ids;
    using scope = device.scope();
    const hidden: (readonly [name: string, tensor: Tensor])[] = [];

    let residual = embedding.forward(ids);
    if (onHidden !== undefined) hidden.push(["embed", residual]);
    let normed = layers.length > 0 ? layers[0].norm.forward(residual) : normF.forward(residual);
    const states = layers.map((layer, i): LayerState => {
      using inner = device.scope();
      const step = layer.forward(normed, residual, carried?.[i], mask);
      const next = (layers[i + 1]?.norm ?? normF).addForward(step.x, step.residual);
      normed.dispose();
      normed = inner.keep(next.y);
      if (onHidden === undefined) residual.dispose();
      else hidden.push([`layer.${i}`, next.sum]);
      residual = inner.keep(next.sum);
      const { conv, ssm } = step.state;
      for (const tensor of [conv, ssm]) scope.keep(inner.keep(tensor));
      return { conv, ssm };
    });
    hidden.push(["final_norm", normed]);

    let logits: Tensor | undefined;
    if (wanted !== "none") {
      const { time } = normed.dims("batch time model");
      const positions = wanted === "last" ? normed.slice(1, time - 1, time) : normed;
      logits = scope.keep(this.lmHead === undefined ? embedding.unembed(positions) : this.lmHead.forward(positions));
    }
    if (onHidden !== undefined) for (const [name, tensor] of hidden) onHidden(name, scope.keep(tensor));
    return { logits, layers: states };
  }
}

function normOf({ norm, dModel, normEps }: MambaConfig, init: Init): Norm {
  return norm === "rms" ? new RmsNorm(dModel, init, normEps) : new LayerNorm(dModel, init, normEps);
}

/** More than anyone has trained; a config that asks for more would only fill the memory with empty layers. */
const MAX_LAYERS = 4096;

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
      norm: "rms",
      normEps: json.positive("layer_norm_epsilon", 1e-5),
      dIntermediate: 0,
      tied: json.flag("tie_word_embeddings", true),
    };
  },
  build: (config, init) => new Mamba(config, init),
  names: { embeddings: "embedding", dt_proj: "deltaProj", A_log: "logA" },
  ignored: ["lm_head.weight"],
});

/** Configs of the original state-spaces repository, whose `ssm_cfg` holds the arguments of its `Mamba` layer. */
export const stateSpacesMamba = defineModel({
  type: "state-spaces/Mamba1",
  config: (json): MambaConfig => {
    const ssm = json.object("ssm_cfg");
    const attention = json.raw("attn_layer_idx");
    if (Array.isArray(attention) && attention.length > 0) {
      throw new TypeError(
        'Cannot read "config.json": "attn_layer_idx" names attention layers, which "state-spaces/Mamba1" has no support for',
      );
    }
    const dModel = json.int("d_model");
    const dIntermediate = json.int("d_intermediate", { fallback: 0, min: 0 });
    return {
      dModel,
      nLayers: json.int("n_layer", { min: 0, max: MAX_LAYERS }),
      vocabSize: roundUp(json.int("vocab_size"), json.int("pad_vocab_size_multiple", { fallback: 8 })),
      dInner: json.object("ssm_cfg").int("expand", { fallback: 2 }) * dModel,
      dState: ssm.int("d_state", { fallback: 16 }),
      dConv: ssm.int("d_conv", { fallback: 4 }),
      dtRank: rankOf(ssm, "dt_rank", dModel),
      bias: ssm.flag("bias", false),
      convBias: ssm.flag("conv_bias", true),
      norm: json.flag("rms_norm", true) ? "rms" : "layer",
      normEps: 1e-5,
      dIntermediate: roundUp(dIntermediate, 128), // as GatedMLP of mamba_ssm does
      tied: json.flag("tie_embeddings", true),
    };
  },
  build: (config, init) => new Mamba(config, init),
  names: { dt_proj: "deltaProj", A_log: "logA" },
  ignored: ["lm_head.weight"],
});

/** `"auto"` stands for a sixteenth of the model's width. */
function rankOf(json: ConfigReader, field: string, dModel: number): number {
  const value = json.raw(field) ?? "auto";
  return value === "auto" ? Math.ceil(dModel / 16) : json.int(field);
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
