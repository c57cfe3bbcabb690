import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Device, HostBackend } from "@elapid/tensor";
import { expectClose } from "@elapid/testing";
import { expect, onTestFinished, test } from "vitest";
import { AdamW } from "./adamw.ts";
import { CarriedState } from "./carried-state.ts";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { TokenBatches, type Batch } from "./data.ts";
import { train, type StepReport } from "./loop.ts";
import { evaluateLoss } from "./loss.ts";
import { StreamBatches } from "./stream-batches.ts";
import { TinyModel } from "./tiny.fixture.ts";

const SEPARATOR = 11;
const tokens = Int32Array.from({ length: 97 }, (_, i) => (i % 7 === 3 ? SEPARATOR : (i * i) % 11));

test("packed documents are told apart by their separator", () => {
  const data = new TokenBatches(Int32Array.of(1, 2, 11, 3, 4, 11, 5, 11, 6), { batch: 2, time: 4, separatorId: 11 });
  const [{ ids, seqIdx }] = data.inOrder();
  expect([...ids]).toEqual([1, 2, 11, 3, 4, 11, 5, 11]);
  expect([...seqIdx!]).toEqual([0, 0, 1, 1, 0, 1, 1, 2]);
});

test("packed documents do not see each other", async () => {
  const model = new TinyModel(new Device(new HostBackend()));
  const loss = (batches: Iterable<Batch>) => evaluateLoss(model, batches);
  const [packed] = new TokenBatches(tokens, { batch: 1, time: 96, separatorId: SEPARATOR }).inOrder();
  const borders = [0, ...[...packed.ids.keys()].filter((i) => packed.ids[i] === SEPARATOR), 96];
  const alone = borders.slice(1).map((end, i): Batch => {
    const [ids, labels] = [packed.ids.slice(borders[i], end), packed.labels.slice(borders[i], end)];
    return { ids, labels, batch: 1, time: end - borders[i] };
  });
  expectClose([await loss([packed])], [await loss(alone)], { relative: 1e-6, label: "loss" });
  const joined = await loss(new TokenBatches(tokens, { batch: 1, time: 96 }).inOrder());
  expect(Math.abs(joined - (await loss([packed])))).toBeGreaterThan(1e-5);
});

test("rows of a stream go on where they were", () => {
  const data = new StreamBatches(
    Int32Array.from({ length: 20 }, (_, i) => i),
    { batch: 2, time: 3 },
  );
  expect(data.windows).toBe(3);
  const batches = Array.from({ length: 4 }, () => data.next());
  expect(batches.map(({ ids, begins }) => [[...ids], begins])).toEqual([
    [[0, 1, 2, 9, 10, 11], true],
    [[3, 4, 5, 12, 13, 14], false],
    [[6, 7, 8, 15, 16, 17], false],
    [[0, 1, 2, 9, 10, 11], true],
  ]);
  expect([...batches[2].labels]).toEqual([7, 8, 9, 16, 17, 18]);
  expect(data.position).toEqual({ seed: 0, epoch: 1, window: 1 });
  expect(() => new StreamBatches(Int32Array.of(1, 2), { batch: 2, time: 3 })).toThrow("need 7");
});

function stream(time: number, seed = 1, separatorId?: number) {
  const device = new Device(new HostBackend());
  const model = new TinyModel(device, seed);
  const losses: number[] = [];
  return {
    device,
    model,
    losses,
    data: new StreamBatches(tokens, { batch: 2, time, separatorId }),
    optimiser: new AdamW(model.parameters()),
    schedule: () => 0.01,
    onStep: ({ loss }: StepReport) => void losses.push(loss),
  };
}

test("carried states make windows one text, without gradients across them", async () => {
  const whole = stream(48);
  await train({ ...whole, schedule: () => 0, steps: 1 });
  const cut = stream(12);
  const carry = new CarriedState();
  await train({ ...cut, schedule: () => 0, steps: 4, carry });
  const mean = cut.losses.reduce((sum, loss) => sum + loss, 0) / 4;
  expectClose([mean], whole.losses, { relative: 1e-6, label: "loss" });
  // batches whose gradients are added carry on too
  const added = stream(12);
  const reports: StepReport[] = [];
  const onStep = (report: StepReport) => void reports.push(report);
  await train({ ...added, onStep, steps: 1, accumulate: 4, carry: new CarriedState() });
  expectClose([reports[0].loss], whole.losses, { relative: 1e-6, label: "loss" });
});

test("states are carried into the document that they belong to, and into no other", async () => {
  // every seventh token is a separator, so some windows begin with one and some do not
  const losses = async (time: number) => {
    const { windows } = new StreamBatches(tokens, { batch: 2, time });
    const run = stream(time, 1, SEPARATOR);
    const bytes = new Set<number>();
    const onStep = (report: StepReport) => {
      run.onStep(report);
      bytes.add(run.device.liveBytes);
    };
    await train({ ...run, onStep, schedule: () => 0, steps: windows, carry: new CarriedState() });
    expect(bytes.size).toBe(1);
    return run.losses;
  };
  const mean = (list: readonly number[]) => list.reduce((sum, loss) => sum + loss, 0) / list.length;
  const whole = mean(await losses(48));
  for (const time of [1, 3, 4, 12])
    expectClose([mean(await losses(time))], [whole], { relative: 1e-6, label: `${time}` });
  // and it is not what the text as one gives
  const joined = stream(48);
  await train({ ...joined, schedule: () => 0, steps: 1 });
  expect(Math.abs(joined.losses[0] - whole)).toBeGreaterThan(1e-5);
});

test("an epoch begins without the states of the one before, and memory stays flat", async () => {
  const run = stream(12);
  const carry = new CarriedState();
  const bytes = new Set<number>();
  const onStep = (report: StepReport) => {
    run.onStep(report);
    bytes.add(run.device.liveBytes);
  };
  await train({ ...run, schedule: () => 0, steps: 8, carry, onStep });
  expect(run.losses.slice(4)).toEqual(run.losses.slice(0, 4));
  expect(bytes.size).toBe(1);
});

test("a checkpoint has the carried states", async () => {
  const folder = mkdtempSync(join(tmpdir(), "elapid-windows-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "run.safetensors");
  const straight = stream(12);
  await train({ ...straight, steps: 6, carry: new CarriedState() });

  const first = { ...stream(12), carry: new CarriedState() };
  await train({ ...first, steps: 3 });
  await saveCheckpoint(path, first);
  const second = { ...stream(12, 2), carry: new CarriedState() };
  await loadCheckpoint(path, second);
  await train({ ...second, steps: 6 });
  expect([...first.losses, ...second.losses]).toEqual(straight.losses);
  await expect(loadCheckpoint(path, stream(12))).rejects.toThrow('"carry.0.');
});
