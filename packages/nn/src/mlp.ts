import { silu } from "@elapid/ops";
import type { Tensor } from "@elapid/tensor";
import type { Init } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** Gated MLP of state-spaces/mamba: `fc2(y · silu(gate))` with `y, gate = fc1(x)`. */
export class GatedMlp extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;

  constructor(dModel: number, dIntermediate: number, init: Init) {
    super();
    this.fc1 = new Linear(dModel, 2 * dIntermediate, init);
    this.fc2 = new Linear(dIntermediate, dModel, init);
  }

  forward(x: Tensor): Tensor {
    const width = this.fc2.weight.shape[1];
    const [y, gate] = this.fc1.forward(x).split([width, width]);
    return this.fc2.forward(y.mul(silu(gate)));
  }
}
