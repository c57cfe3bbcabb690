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
import { complexSelectiveScan, selectiveScan } from "@elapid/scan";
import { concat, type Tensor } from "@elapid/tensor";
import type { Layer, LayerInput, LayerOutput } from "./sequence-model.ts";

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
  /** How the imaginary part of `A` starts; all of the system but the step sizes is then complex. Default: real. */
  readonly AImag?: Fill | undefined;
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
  readonly AImag: Tensor | undefined; // inner state
  readonly D: Tensor; // inner
  readonly outProj: Linear;

  constructor(config: SelectiveMixerConfig, init: Init) {
    super();
    const { dModel, dState, gated = false, selective = ["delta", "B", "C"] } = config;
    const { logA = s4dReal(dState), AImag } = config;
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
    const width = AImag === undefined ? dState : 2 * dState;
    this.B = selective.includes("B") ? new Linear(dInner, width, init) : init([dInner, width], constant(1));
    this.C = selective.includes("C") ? new Linear(dInner, width, init) : init([dInner, width], normal(1));
    this.logA = init([dInner, dState], logA);
    if (AImag !== undefined) this.AImag = init([dInner, dState], AImag);
    this.D = init([dInner], constant(1));
    this.outProj = gated ? new Linear(dInner, dModel, init) : new Linear(dInner, 2 * dModel, init, { bias: true });
  }

  forward({ x, state }: LayerInput): LayerOutput {
    const [stream, z] = this.inProj === undefined ? [x] : halves(this.inProj.forward(x));
    const convolved = this.conv1d?.forward({ x: stream, initialState: state?.conv });
    const u = convolved?.y ?? stream;
    const { deltaProjs, D, deltaBias } = this;
    const delta = deltaProjs.length > 0 ? deltaProjs.reduce((y, proj) => proj.forward(y), u) : x.device.zeros(u.shape);
    const scan = this.AImag === undefined ? selectiveScan : complexSelectiveScan;
    const { y, finalState: ssm } = scan(
      {
        u,
        delta,
        A: this.#A(),
        B: this.#part(this.B, u),
        C: this.#part(this.C, u),
        D,
        z,
        deltaBias,
        initialState: state?.ssm,
      },
      { deltaSoftplus: true },
    );
    const out = z === undefined ? glu(this.outProj.forward(gelu(y))) : this.outProj.forward(y);
    return { y: out, state: convolved === undefined ? { ssm } : { ssm, conv: convolved.finalState } };
  }

  #A(): Tensor {
    const { logA, AImag } = this;
    const real = logA.exp().neg();
    if (AImag === undefined) return real;
    const column = [...logA.shape, 1];
    return concat([real.reshape(column), AImag.reshape(column)], 2);
  }

  /** `B` or `C`: constant, or what follows from the input. */
  #part(part: Linear | Tensor, u: Tensor): Tensor {
    const rows = part instanceof Linear ? part.forward(u) : part;
    return this.AImag === undefined ? rows : rows.reshape([...rows.shape.slice(0, -1), -1, 2]);
  }
}

function halves(x: Tensor): Tensor[] {
  const half = x.shape[x.shape.length - 1] / 2;
  return x.split([half, half]);
}
