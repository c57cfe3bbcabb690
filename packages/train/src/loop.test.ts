import { Device, HostBackend } from "@elapid/tensor";
import { expectClose } from "@elapid/testing";
import { expect, test } from "vitest";
import { AdamW } from "./adamw.ts";
import { DivergedError } from "./clip.ts";
import { Ema } from "./ema.ts";
import { train, type StepReport } from "./loop.ts";
import { evaluateLoss } from "./loss.ts";
import { linearSchedule } from "./schedule.ts";
import { countingBatches, TinyModel } from "./tiny.fixture.ts";

function run() {
  const device = new Device(new HostBackend());
  const model = new TinyModel(device);
  const optimiser = new AdamW(model.parameters());
  return { device, model, optimiser, data: countingBatches(), schedule: () => 0.02 };
}

test("learns to count, and memory does not grow", async () => {
  const { device, ...rest } = run();
  const { model, data } = rest;
  const before = await evaluateLoss(model, data.inOrder());
  expect(before).toBeCloseTo(Math.log(12), 0);
  const reports: StepReport[] = [];
  const bytes = new Set<number>();
  await train({
    ...rest,
    steps: 120,
    schedule: linearSchedule({ peak: 0.03, steps: 120, warmup: 10 }),
    onStep: (report) => {
      reports.push(report);
      bytes.add(device.liveBytes);
    },
  });
  expect(reports.map(({ step }) => step)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
  expect(reports[0]).toMatchObject({ tokens: 48, lr: 0.003 });
  expect(reports[0].loss).toBeCloseTo(before, 0);
  expect(reports.at(-1)!.loss).toBeLessThan(0.5);
  expect(await evaluateLoss(model, data.inOrder())).toBeLessThan(0.5);
  expect(bytes.size).toBe(1);
});

test("evaluates when asked to, with the averaged parameters if they are swapped in", async () => {
  const rest = run();
  const { model, data } = rest;
  using ema = new Ema(model.parameters(), 0.5);
  const losses: [step: number, own: number, average: number][] = [];
  const loss = () => evaluateLoss(model, data.inOrder());
  await train({
    ...rest,
    steps: 5,
    ema,
    evaluateEvery: 2,
    onEvaluate: async (step) => {
      const own = await loss();
      ema.swap();
      losses.push([step, own, await loss()]);
      ema.swap();
    },
  });
  expect(losses.map(([step]) => step)).toEqual([2, 4, 5]);
  // the average lags behind parameters that still get better
  for (const [, own, average] of losses) expect(average).toBeGreaterThan(own);
});

test("two halves of a batch, accumulated, are the whole batch", async () => {
  const reports = async (batch: number, accumulate: number) => {
    const list: StepReport[] = [];
    const rest = { ...run(), data: countingBatches(5, batch) };
    await train({ ...rest, accumulate, steps: 4, onStep: (report) => void list.push(report) });
    return list;
  };
  const whole = await reports(4, 1);
  const halves = await reports(2, 2);
  for (const of of ["loss", "gradientNorm", "tokens"] as const) {
    expectClose(
      halves.map((report) => report[of]),
      whole.map((report) => report[of]),
      { relative: 1e-5, label: of },
    );
  }
  await expect(reports(2, 0)).rejects.toThrow(
    new RangeError("Cannot train: accumulate is 0 but a whole number from 1 on was needed"),
  );
});

test("the same seed gives the same losses, bit for bit", async () => {
  const losses = async () => {
    const list: number[] = [];
    const rest = run();
    await train({ ...rest, steps: 4, onStep: ({ loss }) => void list.push(loss) });
    return list;
  };
  expect(await losses()).toEqual(await losses());
});

test("stops between two steps, and goes on", async () => {
  const rest = run();
  const controller = new AbortController();
  const onStep = ({ step }: StepReport) => {
    if (step === 2) controller.abort(new Error("enough"));
  };
  await expect(train({ ...rest, steps: 4, onStep, signal: controller.signal })).rejects.toThrow("enough");
  expect(rest.optimiser.stepCount).toBe(2);
  await train({ ...rest, steps: 3 });
  expect(rest.optimiser.stepCount).toBe(3);
});

test("a gradient that is NaN is named, and the step is not taken", async () => {
  const { device, ...rest } = run();
  const { model, optimiser, data } = rest;
  await train({ ...rest, steps: 1 });
  const before = { weight: await model.embedding.weight.data(), position: data.position, bytes: device.liveBytes };
  model.mixer.D.assign(device.full([16], NaN));
  const error = await train({ ...rest, steps: 2 }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DivergedError);
  expect(error).toMatchObject({ parameter: "embedding.weight", origin: 'parameter "mixer.D"' });
  expect(optimiser.stepCount).toBe(1);
  expect({
    weight: await model.embedding.weight.data(),
    position: data.position,
    bytes: device.liveBytes,
  }).toEqual(before);
});

test("the first op whose result is NaN is named", async () => {
  const { device, ...rest } = run();
  const { norm, mixer } = rest.model;
  // both are finite, their product is not
  norm.weight.assign(device.full([8], 1e30));
  mixer.inProj.weight.assign(device.full([32, 8], 1e30));
  const live = device.liveBytes;
  const error = await train({ ...rest, steps: 1 }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DivergedError);
  expect((error as DivergedError).message).toMatch(
    /is NaN, and first of all "\w+" of the op "matmul", which reads "mixer.inProj.weight"; lower the learning rate/,
  );
  expect(device.liveBytes).toBe(live);
});

test("what the optimiser does not have stays as it is, and costs no gradient", async () => {
  const { model, data, schedule } = run();
  const isTrained = (name: string) => name.startsWith("mixer.outProj");
  const all = [...model.parameters()];
  const valuesOf = () => Promise.all(all.map(async ([name, tensor]) => [name, await tensor.data()] as const));
  const before = new Map(await valuesOf());
  const optimiser = new AdamW(all.filter(([name]) => isTrained(name)));
  await train({ model, data, schedule, optimiser, steps: 2 });
  for (const [name, values] of await valuesOf()) {
    if (isTrained(name)) expect(values).not.toEqual(before.get(name));
    else expect(values).toEqual(before.get(name));
  }
});
