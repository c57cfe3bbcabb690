import {
  Embedding,
  GatedMlp,
  LayerNorm,
  Linear,
  Module,
  RmsNorm,
  type Init,
  type Norm,
  type PositionEmbedding,
  type PositionEmbeddingState,
} from "@elapid/nn";
import { recompute, type Tensor } from "@elapid/tensor";
import type { CausalModel, ForwardOptions, ForwardResult, LayerState } from "./define.ts";

/** More than anyone has trained; a config that asks for more would only fill the memory with empty layers. */
export const MAX_LAYERS = 4096;

/** What moves information from token to token in a layer. */
export interface Mixer extends Module {
  forward(input: {
    readonly x: Tensor; // batch time model
    readonly state?: LayerState | undefined;
    readonly mask?: Tensor | undefined; // batch time
    readonly seqIdx?: Tensor | undefined; // batch time
    /** No state is asked for; what it gives as one is not looked at. */
    readonly stateless?: boolean | undefined;
  }): { readonly y: Tensor; readonly state: LayerState };
  /** Computes once what follows from parameters alone, if there is such. */
  freeze?(): void;
}

/** What a stack of mixers needs to know, whatever the mixer. */
export interface MixerModelConfig {
  readonly dModel: number;
  readonly nLayers: number;
  readonly vocabSize: number;
  readonly norm: "rms" | "layer";
  readonly normEps: number;
  /** Width of a gated MLP after each mixer, or after that of each layer; 0 for none. */
  readonly dIntermediate: number | readonly number[];
  /** Makes what tells tokens where they stand, before the first layer. Default: nothing does. */
  readonly position?: ((init: Init) => PositionEmbedding) | undefined;
  /** The output head is the embedding. */
  readonly tied: boolean;
}

/** Makes the mixer of a layer, counted from 0. */
export type MixerOf = (init: Init, layer: number) => Mixer;

/** Norm and mixer, and with `dIntermediate` norm and MLP, each added to the residual stream. */
class MixerBlock extends Module {
  readonly norm: Norm;
  readonly mixer: Mixer;
  readonly norm2: Norm | undefined;
  readonly mlp: GatedMlp | undefined;

  constructor(config: MixerModelConfig, init: Init, mixer: MixerOf, layer: number) {
    super();
    this.norm = normOf(config, init);
    this.mixer = mixer(init, layer);
    const { dIntermediate } = config;
    const width = typeof dIntermediate === "number" ? dIntermediate : dIntermediate[layer];
    if (width > 0) {
      this.norm2 = normOf(config, init);
      this.mlp = new GatedMlp(config.dModel, width, init);
    }
  }

  /** `normed` is the norm of `residual`; the sum of what comes back is the stream after this block. */
  forward({ normed, residual, ...given }: BlockInput) {
    const mixed = this.mixer.forward({ x: normed, ...given });
    if (this.norm2 === undefined || this.mlp === undefined) return { x: mixed.y, residual, state: mixed.state };
    const { y, sum } = this.norm2.addForward(mixed.y, residual);
    return { x: this.mlp.forward(y), residual: sum, state: mixed.state };
  }
}

interface BlockInput {
  readonly normed: Tensor; // batch time model
  readonly residual: Tensor; // batch time model
  readonly state: LayerState | undefined;
  readonly mask: Tensor | undefined; // batch time
  readonly seqIdx: Tensor | undefined; // batch time
  readonly stateless: boolean;
}

class MixerBackbone extends Module {
  readonly embedding: Embedding;
  readonly position: PositionEmbedding | undefined;
  readonly layers: readonly MixerBlock[];
  readonly normF: Norm;

  constructor(config: MixerModelConfig, init: Init, mixer: MixerOf) {
    super();
    this.embedding = new Embedding(config.vocabSize, config.dModel, init);
    this.position = config.position?.(init);
    this.layers = Array.from({ length: config.nLayers }, (_, layer) => new MixerBlock(config, init, mixer, layer));
    this.normF = normOf(config, init);
  }
}

/**
 * A language model that is a stack of mixers (`MambaLMHeadModel` and `MixerModel` of state-spaces/mamba), of one kind or several.
 * Where it embeds positions, the state of that comes after those of the layers.
 */
export class MixerModel extends Module implements CausalModel {
  readonly backbone: MixerBackbone;
  readonly lmHead: Linear | undefined;

  constructor(config: MixerModelConfig, init: Init, mixer: MixerOf) {
    super();
    this.backbone = new MixerBackbone(config, init, mixer);
    if (!config.tied) this.lmHead = new Linear(config.dModel, config.vocabSize, init);
  }

  get vocabSize(): number {
    return this.backbone.embedding.weight.shape[0];
  }

  freeze(): void {
    for (const { mixer } of this.backbone.layers) mixer.freeze?.();
  }

  forward(
    ids: Tensor,
    {
      layers: carried,
      mask,
      seqIdx,
      recompute: again = false,
      logits: wanted = "all",
      states: stateful = true,
      onHidden,
    }: ForwardOptions = {},
  ): ForwardResult {
    const { embedding, position, layers, normF } = this.backbone;
    const count = layers.length + (position === undefined ? 0 : 1);
    if (carried !== undefined && carried.length !== count) {
      throw new TypeError(
        `Cannot run the model: the state has ${carried.length} layers but the model ${count}; it is of another model`,
      );
    }
    const { device } = ids;
    using scope = device.scope();
    const hidden: (readonly [name: string, tensor: Tensor])[] = [];

    let residual = embedding.forward(ids);
    const placed = position?.forward({
      x: residual,
      state: carried?.[layers.length] as PositionEmbeddingState | undefined,
      mask,
      seqIdx,
    });
    if (placed !== undefined) residual = placed.y;
    if (onHidden !== undefined) hidden.push(["embed", residual]);
    let normed = layers.length > 0 ? layers[0].norm.forward(residual) : normF.forward(residual);
    const states: LayerState[] = layers.map((_, i) => {
      using inner = device.scope();
      const step = this.#advance(
        i,
        { normed, residual, state: carried?.[i], mask, seqIdx, stateless: !stateful },
        again,
      );
      normed.dispose();
      normed = inner.keep(step.normed);
      if (onHidden === undefined) residual.dispose();
      else hidden.push([`layer.${i}`, step.residual]);
      residual = inner.keep(step.residual);
      if (stateful) for (const tensor of Object.values(step.state)) scope.keep(inner.keep(tensor));
      return step.state;
    });
    if (placed !== undefined && stateful) states.push({ seen: scope.keep(placed.state.seen) });
    hidden.push(["final_norm", normed]);

    let logits: Tensor | undefined;
    if (wanted !== "none") {
      const { time } = normed.dims("batch time model");
      const positions = wanted === "last" ? normed.slice(1, time - 1, time) : normed;
      logits = scope.keep(this.lmHead === undefined ? embedding.unembed(positions) : this.lmHead.forward(positions));
    }
    if (onHidden !== undefined) for (const [name, tensor] of hidden) onHidden(name, scope.keep(tensor));
    return { logits, layers: stateful ? states : [] };
  }

  /** One layer, and the norm that the next begins with. */
  #advance(i: number, { state, stateless, ...streams }: BlockInput, again: boolean) {
    const { layers, normF } = this.backbone;
    const run = ({ normed, residual, mask, seqIdx, ...rest }: Partial<LayerState>): LayerState => {
      const carried = state && (rest as LayerState);
      const given = { normed: normed!, residual: residual!, state: carried, mask, seqIdx, stateless };
      const step = layers[i].forward(given);
      const { y, sum } = (layers[i + 1]?.norm ?? normF).addForward(step.x, step.residual);
      return { ...(!stateless && step.state), normed: y, residual: sum };
    };
    const inputs = { ...state, ...streams };
    const { normed, residual, ...after } = again ? recompute(run, inputs) : run(inputs);
    return { normed, residual, state: after };
  }
}

function normOf({ norm, dModel, normEps }: MixerModelConfig, init: Init): Norm {
  return norm === "rms" ? new RmsNorm(dModel, init, normEps) : new LayerNorm(dModel, init, normEps);
}
