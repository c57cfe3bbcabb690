import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSafetensors } from "@elapid/loaders";
import { Device, HostBackend } from "@elapid/tensor";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { AdamW } from "./adamw.ts";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { Ema } from "./ema.ts";
import { train } from "./loop.ts";
import { cosineSchedule } from "./schedule.ts";
import { Sgd } from "./sgd.ts";
import { countingBatches, TinyModel } from "./tiny.fixture.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "elapid-checkpoint-"));
  path = join(folder, "run.safetensors");
});
afterEach(() => rmSync(folder, { recursive: true }));

function start(seed = 1) {
  const model = new TinyModel(new Device(new HostBackend()), seed);
  const ema = new Ema(model.parameters(), 0.9);
  const schedule = cosineSchedule({ peak: 0.02, steps: 6, warmup: 2 });
  const losses: number[] = [];
  const onStep = ({ loss }: { readonly loss: number }) => void losses.push(loss);
  return {
    model,
    ema,
    optimiser: new AdamW(model.parameters()),
    data: countingBatches(seed),
    schedule,
    losses,
    onStep,
  };
}

/** Every number of a run, exactly. */
async function valuesOf({ model, optimiser, ema, data }: ReturnType<typeof start>) {
  const tensors = [...model.parameters(), ...optimiser.state, ...ema.state];
  const values = await Promise.all(tensors.map(async ([name, tensor]) => [name, await tensor.data()] as const));
  return { values: Object.fromEntries(values), steps: optimiser.stepCount, position: data.position };
}

test("six steps are three, saved and loaded into another run, and three more, bit for bit", async () => {
  const straight = start();
  await train({ ...straight, steps: 6 });

  const first = start();
  await train({ ...first, steps: 3 });
  await saveCheckpoint(path, first);
  const second = start(2);
  await loadCheckpoint(path, second);
  const bytes = second.model.mixer.D.device.liveBytes;
  await loadCheckpoint(path, second);
  expect(second.model.mixer.D.device.liveBytes).toBe(bytes);
  expect(await valuesOf(second)).toEqual(await valuesOf(first));
  await train({ ...second, steps: 6 });

  expect([...first.losses, ...second.losses]).toEqual(straight.losses);
  expect(await valuesOf(second)).toEqual(await valuesOf(straight));
});

test("a save takes the place of the one before and leaves nothing else behind", async () => {
  const run = start();
  await saveCheckpoint(path, run);
  await train({ ...run, steps: 1 });
  await saveCheckpoint(path, run);
  expect(readdirSync(folder)).toEqual(["run.safetensors"]);
  const other = start();
  await loadCheckpoint(path, other);
  expect(other.optimiser.stepCount).toBe(1);
});

test("a save that fails leaves what was there", async () => {
  mkdirSync(join(path, "inside"), { recursive: true });
  await expect(saveCheckpoint(path, start())).rejects.toThrow(`Cannot write "${path}": `);
  expect(readdirSync(folder)).toEqual(["run.safetensors"]);
  expect(readdirSync(path)).toEqual(["inside"]);
});

test("a process killed while it saves leaves a checkpoint that can be loaded", { timeout: 60_000 }, async () => {
  const source = `
    import { Device, HostBackend } from "@elapid/tensor";
    import { AdamW, Ema, saveCheckpoint, train } from "@elapid/train";
    import { countingBatches, TinyModel } from ${JSON.stringify(join(import.meta.dirname, "tiny.fixture.ts"))};
    const model = new TinyModel(new Device(new HostBackend()));
    const run = { model, ema: new Ema(model.parameters(), 0.9), optimiser: new AdamW(model.parameters()), data: countingBatches() };
    const schedule = () => 0.01;
    await train({ ...run, schedule, steps: 1e6, onStep: async ({ step }) => {
      await saveCheckpoint(process.env.CHECKPOINT, run);
      if (step === 3) console.log("saved");
    } });
  `;
  // inside the workspace, so that the packages it imports are found
  const cache = join(import.meta.dirname, "../../../.cache");
  mkdirSync(cache, { recursive: true });
  const program = mkdtempSync(join(cache, "killed-"));
  writeFileSync(join(program, "run.ts"), source);
  onTestFinished(() => rmSync(program, { recursive: true }));
  for (const wait of [0, 7, 16]) {
    const args = ["--conditions=@elapid/source", "--no-warnings", join(program, "run.ts")];
    const child = spawn(process.execPath, args, { env: { ...process.env, CHECKPOINT: path } });
    const closed = once(child, "close");
    let errors = "";
    child.stderr.on("data", (text) => (errors += text));
    await Promise.race([once(child.stdout, "data"), closed]);
    expect(errors).toBe("");
    await new Promise((resolve) => setTimeout(resolve, wait));
    child.kill("SIGKILL");
    await closed;
    const run = start();
    await loadCheckpoint(path, run);
    expect(run.optimiser.stepCount).toBeGreaterThanOrEqual(3);
    await train({ ...run, steps: run.optimiser.stepCount + 1 });
  }
});

describe("refuses, and changes nothing,", () => {
  test.each<[what: string, message: string, damage: (run: ReturnType<typeof start>) => Promise<void>]>([
    [
      "a file that ends early",
      "Cannot read",
      async (run) => {
        await saveCheckpoint(path, run);
        writeFileSync(path, readFileSync(path).subarray(0, 5000));
      },
    ],
    [
      "weights alone",
      "it is no checkpoint of a training run",
      async () => writeFileSync(path, writeSafetensors({ x: { dtype: "f32", shape: [1], data: Float32Array.of(1) } })),
    ],
    [
      "the checkpoint of another optimiser",
      '"optimiser.m.embedding.weight" is missing',
      async (run) => saveCheckpoint(path, { ...run, optimiser: new Sgd(run.model.parameters()) }),
    ],
    [
      "the checkpoint of a run without an average",
      '"ema.embedding.weight" is missing',
      async (run) => saveCheckpoint(path, { ...run, ema: undefined }),
    ],
    [
      "the checkpoint of a larger model",
      '"model.mixer.xProj.weight" is f32 [11, 16] but f32 [9, 16] was needed',
      async ({ data }) => {
        const model = new TinyModel(new Device(new HostBackend()), 1, 5);
        const optimiser = new AdamW(model.parameters());
        await saveCheckpoint(path, { data, model, optimiser, ema: new Ema(model.parameters(), 0.9) });
      },
    ],
    [
      "a position that is not in the data",
      "window 500 of epoch 0 is not in data",
      async (run) => saveCheckpoint(path, { ...run, data: { position: { seed: 0, epoch: 0, window: 500 } } }),
    ],
  ])("%s", async (_, message, damage) => {
    const run = start();
    await train({ ...run, steps: 1 });
    const before = await valuesOf(run);
    await damage(start(3));
    await expect(loadCheckpoint(path, run)).rejects.toThrow(message);
    expect(await valuesOf(run)).toEqual(before);
  });
});
