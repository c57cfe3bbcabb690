import { seeded } from "@elapid/nn";
import { Device, HostBackend, type Tensor } from "@elapid/tensor";
import { expectClose } from "@elapid/testing";
import { expect, test } from "vitest";
import { layers, stacks, type LayerKind } from "./layers.ts";
import { SelectiveMixer } from "./selective-mixer.ts";
import { SequenceModel, type LayerOf } from "./sequence-model.ts";

const sizes = { dModel: 8, dState: 4 };
const ids = Int32Array.of(1, 2, 0, 3, 3, 1, 2, 2, 1, 0);

function modelOf(device: Device, stack: readonly LayerOf[], options: object = {}) {
  return new SequenceModel({ dModel: 8, input: 4, outputs: 3, layers: stack, ...options }, seeded(device, 1));
}

/** In two pieces, the state handed on. */
function inPieces(model: SequenceModel, input: (from: number, to: number) => Tensor, cut: number, time: number) {
  const begun = model.forward(input(0, cut), { layers: model.blocks.map(() => ({})) });
  const ended = model.forward(input(cut, time), { layers: begun.layers });
  return [begun, ended] as const;
}

const kinds = Object.keys(layers) as LayerKind[];

test.each(kinds)("%s: a sequence in pieces gives what the whole gives, also from its last step alone", async (kind) => {
  using device = new Device(new HostBackend());
  using _ = device.scope();
  const model = modelOf(device, [layers[kind](sizes), layers[kind](sizes)]);
  const input = (from: number, to: number) => device.tensor(ids.subarray(from, to), [1, to - from]);
  const whole = await model.forward(input(0, 10)).logits.data();
  const [begun, ended] = inPieces(model, input, 4, 10);
  const pieces = [...(await begun.logits.data()), ...(await ended.logits.data())];
  expectClose(Float32Array.from(pieces), whole as Float32Array, { relative: 1e-5, label: "logits" });
  const last = model.forward(input(0, 10), { last: true }).logits;
  expect(last.shape).toEqual([1, 1, 3]);
  expectClose((await last.data()) as Float32Array, whole.slice(-3) as Float32Array, { relative: 1e-5, label: "last" });
});

test("stacks that are compared have about as many parameters", () => {
  using device = new Device(new HostBackend());
  const counts = Object.values(stacks).map((stack) => {
    const model = new SequenceModel(
      { dModel: 64, input: 4, outputs: 4, layers: stack({ dModel: 64, dState: 16, depth: 4 }) },
      seeded(device, 1),
    );
    return [...model.parameters()].reduce((sum, [, { size }]) => sum + size, 0);
  });
  expect(Math.max(...counts) / Math.min(...counts)).toBeLessThan(1.02);
});

test("with all of it selective and real, the mixer of the ablations is Mamba's", async () => {
  using device = new Device(new HostBackend());
  using _ = device.scope();
  const names = { "xProj.weight": ["deltaProjs.0.weight", "B.weight", "C.weight"] };
  const mine = modelOf(device, [(init) => new SelectiveMixer({ ...sizes, gated: true }, init)]);
  const official = modelOf(device, [layers.mamba(sizes)]);
  const from = new Map(mine.parameters());
  for (const [path, parameter] of official.parameters()) {
    const layer = path.replace(/^blocks\.0\.layer\./, "");
    const sources = names[layer as keyof typeof names] ?? [sourceOf(layer)];
    const values = await Promise.all(sources.map((name) => valuesOf(from, path, layer, name)));
    parameter.assign(device.tensor(Float32Array.from(values.flat()), parameter.shape));
  }
  const input = device.tensor(ids, [2, 5]);
  const expected = await official.forward(input).logits.data();
  const actual = await mine.forward(input).logits.data();
  expectClose(actual as Float32Array, expected as Float32Array, { relative: 1e-5, label: "logits" });
});

function sourceOf(layer: string): string {
  return { "deltaProj.weight": "deltaProjs.1.weight", "deltaProj.bias": "deltaBias" }[layer] ?? layer;
}

async function valuesOf(from: ReadonlyMap<string, Tensor>, path: string, layer: string, name: string) {
  return [...(await from.get(path.replace(layer, name))!.data())];
}

test("a complex system, and one of which nothing is selective, answer with finite numbers", async () => {
  using device = new Device(new HostBackend());
  using _ = device.scope();
  for (const config of [
    { AImag: (_: unknown, i: number) => i % 4 },
    { selective: [] },
    { selective: [], AImag: () => 1 },
  ]) {
    const model = modelOf(device, [(init) => new SelectiveMixer({ ...sizes, gated: true, ...config }, init)]);
    const logits = await model.forward(device.tensor(ids, [2, 5])).logits.data();
    expect([...logits].every(Number.isFinite)).toBe(true);
  }
});

test("positions tell apart what is the same, and a pooled answer looks at all steps so far", async () => {
  using device = new Device(new HostBackend());
  using _ = device.scope();
  const same = device.tensor(new Int32Array(4), [1, 4]);
  const answersOf = async (options: object) => {
    const values = await modelOf(device, [], options).forward(same).logits.data();
    return [0, 3].map((step) => [...values.slice(3 * step, 3 * step + 3)].map((value) => value.toFixed(4)).join(" "));
  };
  const [first, last] = await answersOf({});
  expect(first).toBe(last);
  const [begin, end] = await answersOf({ positions: true });
  expect(begin).not.toBe(end);
  const pooled = modelOf(device, [], { input: "signal", pooled: true });
  const reading = async (signal: readonly number[]) =>
    [...(await pooled.forward(device.tensor(signal, [1, 3]), { last: true }).logits.data())].map((value) =>
      value.toFixed(4),
    );
  expect(await reading([1, 2, 3])).toEqual(await reading([3, 1, 2]));
  expect(await reading([1, 2, 3])).not.toEqual(await reading([1, 2, -3]));
});
