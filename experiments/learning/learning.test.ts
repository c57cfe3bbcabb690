import { seeded } from "@elapid/nn";
import { Device, HostBackend } from "@elapid/tensor";
import { expect, test } from "vitest";
import { SequenceModel } from "../models/sequence-model.ts";
import { below, type Task } from "../tasks/generated-batches.ts";
import { forSeeds, seedsOf } from "./learn.ts";
import { between, overSeeds, percent } from "./seeds.ts";
import { learnInStages, testBatches } from "./stages.ts";

/** Asks at each step for the token that stands there, which needs no memory. */
const echo = (time: number): Task => ({
  vocabSize: 4,
  time,
  example: (random) => {
    const ids = Int32Array.from({ length: time }, () => below(4, random));
    return { ids, labels: ids };
  },
});

/** Asks for the token two steps back, which a model without layers cannot know. */
const late = (time: number): Task => ({
  ...echo(time),
  example: (random) => {
    const { ids } = echo(time).example(random);
    return { ids, labels: ids.map((_, i) => (i < 2 ? -100 : ids[i - 2])) };
  },
});

function learn(stages: readonly Task[], options: object = {}) {
  const device = new Device(new HostBackend());
  const model = new SequenceModel({ dModel: 8, input: 4, outputs: 4, layers: [] }, seeded(device, 1));
  return learnInStages({
    model,
    stages,
    batch: 8,
    seed: 1,
    tested: 32,
    steps: 60,
    every: 10,
    lr: 0.1,
    minutes: 5,
    ...options,
  });
}

test("a model that is right goes on to the next stage, and ends", async () => {
  const { accuracy, end, steps, curve } = await learn([echo(4), echo(8)]);
  expect([accuracy, end]).toEqual([1, "enough"]);
  expect(steps).toBeLessThan(60);
  expect(curve.map(({ stage }) => stage)).toEqual(curve.map(({ step }) => (step <= 10 ? 0 : 1)));
  expect(curve.at(-1)!.step).toBe(steps);
});

test("one that is not goes on after a quarter of the steps or another share, and to the end of them", async () => {
  const { accuracy, end, steps } = await learn([late(4), late(8)]);
  expect([end, steps]).toEqual(["steps", 75]);
  expect((await learn([late(4), late(8)], { share: 0.5 })).steps).toBe(90);
  expect(accuracy).toBeLessThan(0.6);
});

test("when its time is up it is tested at the last task", async () => {
  const { end, curve, accuracy } = await learn([late(4), echo(8)], { minutes: 0 });
  expect([end, curve.length]).toEqual(["time", 1]);
  expect(accuracy).toBeLessThan(1);
});

test("the same seed learns the same", async () => {
  const [first, again, other] = [await learn([echo(6)]), await learn([echo(6)]), await learn([echo(6)], { seed: 2 })];
  const losses = ({ curve }: typeof first) => curve.map(({ loss }) => loss);
  expect(losses(first)).toEqual(losses(again));
  expect(losses(first)).not.toEqual(losses(other));
});

test("a test has as many examples as asked for, in batches of one size", () => {
  expect(testBatches(echo(3), 32, 8).map(({ batch }) => batch)).toEqual([8, 8, 8, 8]);
  expect(testBatches(echo(3), 5, 64).map(({ batch }) => batch)).toEqual([5]);
});

test("seeds run one after the other, each on a device that is disposed of", async () => {
  const devices: Device[] = [];
  const open = async () => {
    devices.push(new Device(new HostBackend()));
    return devices.at(-1)!;
  };
  expect(await forSeeds(seedsOf({ seeds: 3 }, 5), open, async (_, seed) => seed)).toEqual([1, 2, 3]);
  expect(devices).toHaveLength(3);
  expect(() => devices[0].zeros([1])).toThrow();
});

test("one seed, as many as are asked for, or as many as are usual", () => {
  expect([
    seedsOf({ seed: 2, seeds: undefined }, 3),
    seedsOf({ seeds: 1 }, 3),
    seedsOf({ seeds: undefined }, 2),
  ]).toEqual([[2], [1], [1, 2]]);
});

test("rows that differ in their seed become one with the median and the ends", () => {
  const row = (model: string, seed: number, accuracy: number) => ({ model, seed, accuracy });
  const rows = [row("a", 1, 0.9), row("a", 2, 0.5), row("b", 1, 1), row("a", 3, 0.7), row("b", 2, 0.5)];
  const [a, b] = overSeeds(rows, ["model"], ({ accuracy }) => accuracy);
  expect(a).toEqual({ model: "a", median: 0.7, least: 0.5, most: 0.9 });
  expect(b).toEqual({ model: "b", median: 0.75, least: 0.5, most: 1 });
  expect([percent(a), percent({ ...b, least: 1, median: 1 }), between(a, 2)]).toEqual([
    "70.0 (50.0 to 90.0)",
    "100.0",
    "0.70 (0.50 to 0.90)",
  ]);
});
