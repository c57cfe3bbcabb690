import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Device, HostBackend, randomSource } from "@elapid/tensor";
import { expectClose, testedBackends } from "@elapid/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { train } from "./loop.ts";
import { isProjection, Muon } from "./muon.ts";
import { countingBatches, TinyModel } from "./tiny.fixture.ts";

type Matrix = number[][];

const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)));
const turned = (a: Matrix): Matrix => a[0].map((_, j) => a.map((row) => row[j]));
const combined = (a: number, x: Matrix, b: number, y: Matrix): Matrix =>
  x.map((row, i) => row.map((value, j) => a * value + b * y[i][j]));

/** The iteration as the paper has it, in 64 bits. */
function orthogonal(u: Matrix): Matrix {
  const length = Math.hypot(...u.flat());
  let x = combined(1 / length, u, 0, u);
  for (let i = 0; i < 5; i++) {
    const a = product(x, turned(x));
    x = combined(3.4445, x, 1, product(combined(-4.775, a, 2.0315, product(a, a)), x));
  }
  return x;
}

function randomMatrix(rows: number, columns: number, seed: number): Matrix {
  const random = randomSource(seed);
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => 2 * random.next() - 1));
}

describe.each(testedBackends)("Muon on $name", ({ open }) => {
  test.each([
    [5, 12],
    [12, 5],
    [7, 7],
  ])("moves a matrix of %i x %i as plain loops do", async (rows, columns) => {
    using device = new Device(await open(), { strict: true });
    let [expected, mean] = [
      randomMatrix(rows, columns, 1),
      randomMatrix(rows, columns, 0).map((row) => row.map(() => 0)),
    ];
    using weight = device.tensor(expected.flat(), [rows, columns]);
    using bias = device.tensor([1, 2]);
    using optimiser = new Muon(Object.entries({ weight, bias }), { momentum: 0.9, weightDecay: 0.5 });
    for (let step = 1; step <= 3; step++) {
      const g = randomMatrix(rows, columns, 10 + step);
      using gradient = device.tensor(g.flat(), [rows, columns]);
      using other = device.tensor([4, -4]);
      optimiser.step({ weight: gradient, bias: other }, { lr: 0.1, gradientScale: 0.25 });
      mean = combined(0.9, mean, 0.1 * 0.25, g);
      const ahead = combined(0.9, mean, 0.1 * 0.25, g);
      const rate = 0.1 * 0.2 * Math.sqrt(Math.max(rows, columns));
      expected = combined(1 - 0.1 * 0.5, expected, -rate, orthogonal(ahead));
      expectClose(await weight.data(), Float32Array.from(expected.flat()), { relative: 1e-4, label: `step ${step}` });
    }
    // the bias moves by AdamW, and does not decay
    expectClose(await bias.data(), [0.7, 2.3], { relative: 1e-5, label: "bias" });
    expect(optimiser.stepCount).toBe(3);
    expect([...optimiser.state.keys()]).toEqual(["momentum.weight", "m.bias", "v.bias"]);
  });

  test("memory does not grow, and all of it is given back", async () => {
    using device = new Device(await open(), { strict: true });
    {
      using model = new TinyModel(device);
      using optimiser = new Muon(model.parameters());
      const bytes: number[] = [];
      const onStep = () => void bytes.push(device.liveBytes);
      await train({ model, optimiser, data: countingBatches(), schedule: () => 0.02, steps: 3, onStep });
      expect(new Set(bytes).size).toBe(1);
    }
    expect(device.liveBytes).toBe(0);
  });
});

test("learns to count", async () => {
  const model = new TinyModel(new Device(new HostBackend()));
  const optimiser = new Muon(model.parameters());
  const losses: number[] = [];
  const onStep = ({ loss }: { readonly loss: number }) => void losses.push(loss);
  await train({ model, optimiser, data: countingBatches(), schedule: () => 0.02, steps: 60, onStep });
  expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]);
});

test("a gradient of zeros moves nothing but the decay", async () => {
  const device = new Device(new HostBackend());
  const weight = device.tensor([1, 2, 3, 4, 5, 6], [2, 3]);
  using optimiser = new Muon([["weight", weight]], { weightDecay: 0.5 });
  optimiser.step({ weight: device.zeros([2, 3]) }, { lr: 0.1 });
  expectClose(await weight.data(), [0.95, 1.9, 2.85, 3.8, 4.75, 5.7], { relative: 1e-6, label: "weight" });
});

test("six steps are three, saved and loaded into another run, and three more, bit for bit", async () => {
  const folder = mkdtempSync(join(tmpdir(), "elapid-muon-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "run.safetensors");
  const start = (seed = 1) => {
    const model = new TinyModel(new Device(new HostBackend()), seed);
    return { model, optimiser: new Muon(model.parameters()), data: countingBatches(seed), schedule: () => 0.01 };
  };
  const valuesOf = ({ model, optimiser }: ReturnType<typeof start>) =>
    Promise.all([...model.parameters(), ...optimiser.state].map(async ([name, tensor]) => [name, await tensor.data()]));
  const straight = start();
  await train({ ...straight, steps: 6 });
  const first = start();
  await train({ ...first, steps: 3 });
  await saveCheckpoint(path, first);
  const second = start(2);
  await loadCheckpoint(path, second);
  expect(second.optimiser.stepCount).toBe(3);
  await train({ ...second, steps: 6 });
  expect(await valuesOf(second)).toEqual(await valuesOf(straight));
});

test("the projections of a Mamba are moved by Muon, all else by AdamW", () => {
  const model = new TinyModel(new Device(new HostBackend()));
  const names = [...model.parameters()].filter(([name, tensor]) => isProjection(name, tensor)).map(([name]) => name);
  expect(names.toSorted()).toEqual(["deltaProj", "inProj", "outProj", "xProj"].map((name) => `mixer.${name}.weight`));
});

test("refuses settings out of range, and what is no matrix", () => {
  const device = new Device(new HostBackend());
  const x = device.tensor([1]);
  expect(() => new Muon([["x", x]], { momentum: 1 })).toThrow("Cannot make Muon: momentum is 1");
  expect(() => new Muon([["x", x]], { weightDecay: -1 })).toThrow("Cannot make Muon: weightDecay is -1");
  expect(() => new Muon([["x", x]], { has: () => true })).toThrow('"x" is no matrix');
});
