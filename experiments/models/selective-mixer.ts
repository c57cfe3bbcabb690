import {
  CausalConv1d,
  constant,
  deltaBias,
  Linear,
  Module,
  normal,
  s4dReal,
  uniform,
  type Fill,
  type Init,
} from "@elapid/nn";
import { gelu, glu } from "@elapid/ops";
import { selectiveScan } from "@elapid/scan";
import type { Tensor } from "@elapid/tensor";
import type { Carried, Layer } from "./sequence-model.ts";

/** What of a system may follow from the input. */
export type Selective = "delta" | "B" | "C";

export interface SelectiveMixerConfig {
  readonly dModel: number;
  readonly dState: number;
  /** What follows from the input; the rest is learned and constant. Default: all three. */
  readonly selective?: readonly Selective[];
  /** Mamba's block: twice as many channels, a convolution before, a gate after. Default: GELU and GLU after, as S4D has them. */
  readonly gated?: boolean;
  /** How `log(-A)` starts. Default: that of Mamba, `A[n] = -(n + 1)`. */
  readonly logA?: Fill;
}

/** A selective scan, S6, any of whose parts may be constant, in Mamba's gated block or alone. With none selective it is LTI. */
export class SelectiveMixer extends Module implements Layer {
  readonly inProj: Linear | undefined;
  readonly conv1d: CausalConv1d | undefined;
  /** To the step sizes by way of a narrow middle. */
  readonly deltaProjs: readonly Linear[];
  readonly deltaBias: Tensor; // inner
  readonly B: Linear | Tensor; // to state, or inner state
  readonly C: Linear | Tensor; // to state, or inner state
  readonly logA: Tensor; // inner state
  readonly D: Tensor; // inner
  readonly outProj: Linear;

  constructor(config: SelectiveMixerConfig, init: Init) {
    super();
    const { dModel, dState, gated = false, selective = ["delta", "B", "C"], logA = s4dReal(dState) } = config;
    const dInner = gated ? 2 * dModel : dModel;
    const rank = Math.ceil(dModel / 16);
    if (gated) {
      this.inProj = new Linear(dModel, 2 * dInner, init);
      this.conv1d = new CausalConv1d(dInner, 4, init, { activation: "silu" });
    }
    const toDelta = { weightFill: uniform(rank ** -0.5), role: "delta" } as const;
    this.deltaProjs = selective.includes("delta")
      ? [new Linear(dInner, rank, init), new Linear(rank, dInner, init, toDelta)]
      : [];
    this.deltaBias = init([dInner], deltaBias());
    // as the constant ones of S4D start
    this.B = selective.includes("B") ? new Linear(dInner, dState, init) : init([dInner, dState], constant(1));
    this.C = selective.includes("C") ? new Linear(dInner, dState, init) : init([dInner, dState], normal(1));
    this.logA = init([dInner, dState], logA);
    this.D = init([dInner], constant(1));
    this.outProj = gated ? new Linear(dInner, dModel, init) : new Linear(dInner, 2 * dModel, init, { bias: true });
  }

  forward({ x, state }: { readonly x: Tensor; readonly state?: Carried | undefined }) {
    const [stream, z] = this.inProj === undefined ? [x] : halves(this.inProj.forward(x));
    const convolved = this.conv1d?.forward({ x: stream, initialState: state?.conv });
    const u = convolved?.y ?? stream;
    const { deltaProjs, D, deltaBias } = this;
    const delta = deltaProjs.length > 0 ? deltaProjs.reduce((y, proj) => proj.forward(y), u) : x.device.zeros(u.shape);
    const partOf = (part: Linear | Tensor) => (part instanceof Linear ? part.forward(u) : part);
    const [A, B, C] = [this.logA.exp().neg(), partOf(this.B), partOf(this.C)];
    const { y, finalState: ssm } = selectiveScan(
      { u, delta, A, B, C, D, z, deltaBias, initialState: state?.ssm },
      { deltaSoftplus: true },
    );
    const out = z === undefined ? glu(this.outProj.forward(gelu(y))) : this.outProj.forward(y);
    return { y: out, state: convolved === undefined ? { ssm } : { ssm, conv: convolved.finalState } };
  }
}

function halves(x: Tensor): Tensor[] {
  const half = x.shape[x.shape.length - 1] / 2;
  return x.split([half, half]);
}
