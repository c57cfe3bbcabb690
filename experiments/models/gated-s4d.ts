import { CausalConv1d, constant, Linear, Module, S4DKernel, type Init } from "@elapid/nn";
import { silu } from "@elapid/ops";
import { fftConv, ltiScan } from "@elapid/scan";
import type { Tensor } from "@elapid/tensor";
import type { Layer, LayerInput, LayerOutput } from "./sequence-model.ts";

export interface GatedS4DConfig {
  readonly dModel: number;
  readonly dState: number;
}

/** Mamba's block around a system that does not look at its input: S4D in the place of S6. */
export class GatedS4D extends Module implements Layer {
  readonly inProj: Linear;
  readonly conv1d: CausalConv1d;
  readonly kernel: S4DKernel;
  readonly D: Tensor; // inner
  readonly outProj: Linear;

  constructor({ dModel, dState }: GatedS4DConfig, init: Init) {
    super();
    const dInner = 2 * dModel;
    this.inProj = new Linear(dModel, 2 * dInner, init);
    this.conv1d = new CausalConv1d(dInner, 4, init, { activation: "silu" });
    this.kernel = new S4DKernel({ dModel: dInner, dState }, init);
    this.D = init([dInner], constant(1));
    this.outProj = new Linear(dInner, dModel, init);
  }

  /** A convolution where a sequence begins, which trains; a recurrence where one goes on. */
  forward({ x, state }: LayerInput): LayerOutput {
    const dInner = this.D.size;
    const [stream, gate] = this.inProj.forward(x).split([dInner, dInner]);
    const { y: u, finalState: conv } = this.conv1d.forward({ x: stream, initialState: state?.conv });
    const gated = (y: Tensor) => this.outProj.forward(y.mul(silu(gate)));
    if (state === undefined) {
      const K = this.kernel.impulseResponse(u.shape[1]);
      return { y: gated(fftConv({ u, K, D: this.D }).y), state: {} };
    }
    const { y, finalState: ssm } = ltiScan({ u, ...this.kernel.system(), D: this.D, initialState: state.ssm });
    return { y: gated(y), state: { conv, ssm } };
  }
}
