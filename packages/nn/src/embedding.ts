import { embedding, matmul } from "@elapid/ops";
import type { Tensor } from "@elapid/tensor";
import { normal, type Init } from "./init.ts";
import { Module } from "./module.ts";

/** A vector for each token: maps integer `...` to `... model`, and back to logits where the output is tied. */
export class Embedding extends Module {
  readonly weight: Tensor; // vocab model

  constructor(vocabSize: number, dModel: number, init: Init) {
    super();
    this.weight = init([vocabSize, dModel], normal(0.02), "matrix");
  }

  forward(ids: Tensor): Tensor {
    return embedding(ids, this.weight);
  }

  /** Logits over the vocabulary, `... model` to `... vocab`, with the same weights. */
  unembed(x: Tensor): Tensor {
    return matmul(x, this.weight);
  }
}
