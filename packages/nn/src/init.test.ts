import { Device, HostBackend, type Tensor } from "@elapid/tensor";
import { expect, test } from "vitest";
import { seeded } from "./init.ts";
import { MambaMixer } from "./mamba-mixer.ts";
import { Mamba2Mixer } from "./mamba2-mixer.ts";
import { Linear } from "./linear.ts";

const init = seeded(new Device(new HostBackend()), 5);
const config = { dModel: 64, dInner: 1024, dState: 8, dConv: 4, dtRank: 4 };
const numbers = async (tensor: Tensor) => [...(await tensor.data())];
const softplus = (x: number) => Math.log1p(Math.exp(x));

/** The largest distance between a sample and a uniform distribution on 0..1 (Kolmogorov and Smirnov). */
function distanceFromUniform(sample: readonly number[]): number {
  const sorted = sample.toSorted((a, b) => a - b);
  return Math.max(...sorted.map((value, i) => Math.max(value - i / sorted.length, (i + 1) / sorted.length - value)));
}

/** What a true sample exceeds once in a thousand times. */
const critical = (count: number) => 1.95 / Math.sqrt(count);

function expectUniform(values: readonly number[], from: number, to: number): void {
  const shares = values.map((value) => (value - from) / (to - from));
  expect(Math.min(...shares)).toBeGreaterThanOrEqual(-1e-5);
  expect(Math.max(...shares)).toBeLessThanOrEqual(1 + 1e-5);
  expect(distanceFromUniform(shares)).toBeLessThan(critical(shares.length));
}

test("step sizes of Mamba are log-uniform from 0.001 to 0.1", async () => {
  for (const bias of [
    new MambaMixer(config, init).deltaProj.bias!,
    new Mamba2Mixer({ ...config, nHeads: 512, headDim: 2, nGroups: 1 }, init).deltaBias,
  ]) {
    const logs = (await numbers(bias)).map((value) => Math.log(softplus(value)));
    expectUniform(logs, Math.log(0.001), Math.log(0.1));
  }
});

test("A of Mamba is real S4D, that of Mamba-2 uniform from 1 to 16; D is 1", async () => {
  const { logA, D } = new MambaMixer(config, init);
  const row = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => Math.fround(Math.log(n)));
  expect(await numbers(logA)).toEqual(Array.from({ length: 1024 }, () => row).flat());
  expect(new Set(await numbers(D))).toEqual(new Set([1]));
  const second = new Mamba2Mixer({ ...config, nHeads: 512, headDim: 2, nGroups: 1 }, init);
  expectUniform(
    (await numbers(second.logA)).map((value) => Math.exp(value)),
    1,
    16,
  );
});

test("projections are uniform as in PyTorch, that of the step sizes in ±1/√rank", async () => {
  const { deltaProj, inProj } = new MambaMixer(config, init);
  expectUniform(await numbers(deltaProj.weight), -0.5, 0.5);
  expectUniform((await numbers(inProj.weight)).slice(0, 5000), -1 / 8, 1 / 8);
  expectUniform(await numbers(new Linear(16, 300, init).weight), -1 / 4, 1 / 4);
});

test("the projection back to the residual stream starts smaller when it is asked to", async () => {
  const outScale = 12 ** -0.5;
  const bound = 1024 ** -0.5 * outScale;
  const mixers = [
    new MambaMixer({ ...config, outScale }, init),
    new Mamba2Mixer({ ...config, nHeads: 512, headDim: 2, nGroups: 1, outScale }, init),
  ];
  for (const { outProj } of mixers) expectUniform((await numbers(outProj.weight)).slice(0, 5000), -bound, bound);
});
