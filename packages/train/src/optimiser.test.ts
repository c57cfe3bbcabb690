import { Embedding, MambaMixer, Module, RmsNorm, S4, S4D, seeded } from "@elapid/nn";
import { Device, HostBackend } from "@elapid/tensor";
import { expect, test } from "vitest";
import { isUndecayed } from "./optimiser.ts";

class Both extends Module {
  readonly embedding: Embedding;
  readonly norm: RmsNorm;
  readonly mamba: MambaMixer;
  readonly s4: S4;
  readonly s4d: S4D;

  constructor(device: Device) {
    super();
    const init = seeded(device, 1);
    this.embedding = new Embedding(4, 4, init);
    this.norm = new RmsNorm(4, init);
    this.mamba = new MambaMixer({ dModel: 4, dInner: 8, dState: 2, dConv: 4, dtRank: 1 }, init);
    this.s4 = new S4({ dModel: 4, dState: 4 }, init);
    this.s4d = new S4D({ dModel: 4, dState: 4 }, init);
  }
}

test("norms, biases and the systems of Mamba and S4D do not decay, all else does", () => {
  using device = new Device(new HostBackend());
  const names = [...new Both(device).parameters()].map(([name]) => name);
  expect(names.filter(isUndecayed).toSorted()).toEqual([
    "mamba.D",
    "mamba.conv1d.bias",
    "mamba.deltaProj.bias",
    "mamba.logA",
    "norm.weight",
    "s4.D",
    "s4.kernel.AImag",
    "s4.kernel.B",
    "s4.kernel.P",
    "s4.kernel.logAReal",
    "s4.kernel.logDt",
    "s4.outputLinear.bias",
    "s4d.D",
    "s4d.kernel.AImag",
    "s4d.kernel.logAReal",
    "s4d.kernel.logDt",
    "s4d.outputLinear.bias",
  ]);
  expect(names.filter((name) => !isUndecayed(name)).toSorted()).toEqual([
    "embedding.weight",
    "mamba.conv1d.weight",
    "mamba.deltaProj.weight",
    "mamba.inProj.weight",
    "mamba.outProj.weight",
    "mamba.xProj.weight",
    "s4.kernel.C",
    "s4.outputLinear.weight",
    "s4d.kernel.C",
    "s4d.outputLinear.weight",
  ]);
});
