import { Embedding, MambaMixer, Module, RmsNorm, type Init, type MambaMixerState } from "@elapid/nn";
import { randomSource, sizeOf, type Device, type Tensor, type WeightDType } from "@elapid/tensor";
import type { Layers } from "./carried-state.ts";
import { TokenBatches } from "./data.ts";
import type { NextTokenOptions } from "./loss.ts";

/** One Mamba block over 12 tokens: small enough for reference loops. */
export class TinyModel extends Module {
  readonly embedding: Embedding;
  readonly norm: RmsNorm;
  readonly mixer: MambaMixer;

  constructor(device: Device, seed = 1, dState = 4, dtype: WeightDType = "f32") {
    super();
    const random = randomSource(seed);
    const init: Init = (shape, fill, role) => {
      const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => fill(random, i));
      return device.tensor(values, shape, role === "matrix" ? dtype : "f32");
    };
    this.embedding = new Embedding(12, 8, init);
    this.norm = new RmsNorm(8, init);
    this.mixer = new MambaMixer({ dModel: 8, dInner: 16, dState, dConv: 4, dtRank: 1 }, init);
  }

  forward(ids: Tensor, { seqIdx, layers }: NextTokenOptions = {}): { logits: Tensor; layers: Layers } {
    using scope = ids.device.scope();
    const x = this.embedding.forward(ids);
    const carried = layers?.[0] as MambaMixerState | undefined;
    const { y, state } = this.mixer.forward({ x: this.norm.forward(x), state: carried, seqIdx });
    for (const tensor of Object.values(state)) scope.keep(tensor);
    return { logits: scope.keep(this.embedding.unembed(x.add(y))), layers: [state] };
  }
}

/** Counts up in steps of 1 to 3 and begins again: what comes next is seen from the two tokens before. */
export function countingBatches(seed = 5, batch = 4): TokenBatches {
  const tokens: number[] = [];
  for (let by = 1; by <= 3; by++) for (let i = 0; i < 80; i++) tokens.push((i * by) % 12);
  return new TokenBatches(Int32Array.from(tokens), { batch, time: 12, seed });
}
