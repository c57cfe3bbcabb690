import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFile, openWeights, writeSafetensors } from "@elapid/loaders";
import { Dropout, DropoutChance, Gru, seeded } from "@elapid/nn";
import { Device, HostBackend, sum, valueAndGrad, type Tensor } from "@elapid/tensor";
import { expectClose } from "@elapid/testing";
import { writeFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { AdamW } from "./adamw.ts";
import { train } from "./loop.ts";
import { evaluateLoss, type NextTokenModel, type NextTokenOptions } from "./loss.ts";
import { Lora } from "./lora.ts";
import { TunedState } from "./state-tuning.ts";
import { countingBatches, TinyModel } from "./tiny.fixture.ts";

function start(seed = 1) {
  const device = new Device(new HostBackend());
  return { device, model: new TinyModel(device, seed), data: countingBatches(), schedule: () => 0.02 };
}

function temporary(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "elapid-adapters-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, name);
}

const ids = Int32Array.from({ length: 24 }, (_, i) => (i * 5) % 12);

async function logitsOf(model: NextTokenModel): Promise<Float32Array> {
  const { device } = [...model.parameters()][0][1];
  using scope = device.scope();
  const { logits } = model.forward(device.tensor(ids, [2, 12]));
  const kept = scope.keep(logits!);
  return (await kept.data()) as Float32Array;
}

const weightsOf = (model: TinyModel) => Promise.all([...model.parameters()].map(([, tensor]) => tensor.data()));

test("LoRA trains two factors beside weights that stay, and merges into them", async () => {
  const { device, model, ...rest } = start();
  const before = await logitsOf(model);
  const weights = await weightsOf(model);
  const live = device.liveBytes;
  const lora = new Lora(model, { rank: 2 });
  expect([...lora.parameters()].map(([path, { shape }]) => [path, shape])).toEqual([
    ["mixer.inProj.loraDown", [2, 8]],
    ["mixer.inProj.loraUp", [32, 2]],
    ["mixer.xProj.loraDown", [2, 16]],
    ["mixer.xProj.loraUp", [9, 2]],
    ["mixer.deltaProj.loraDown", [2, 1]],
    ["mixer.deltaProj.loraUp", [16, 2]],
    ["mixer.outProj.loraDown", [2, 16]],
    ["mixer.outProj.loraUp", [8, 2]],
  ]);
  expect(await logitsOf(model)).toEqual(before);
  const loss = await evaluateLoss(model, rest.data.inOrder());
  await train({ model, ...rest, optimiser: new AdamW(lora.parameters()), steps: 40 });
  expect(await evaluateLoss(model, rest.data.inOrder())).toBeLessThan(loss - 0.2);
  expect(await weightsOf(model)).toEqual(weights);
  const trained = await logitsOf(model);

  const path = temporary("adapter_model.safetensors");
  await lora.save(path);
  const file = await openWeights(await openFile(path));
  expect(file.tensors.get("base_model.model.mixer.inProj.lora_A.weight")!.shape).toEqual([2, 8]);
  expect(file.tensors.get("base_model.model.mixer.inProj.lora_B.weight")!.shape).toEqual([32, 2]);
  expect(file.metadata).toMatchObject({ r: "2", lora_alpha: "4" });
  await file.close();
  const other = start().model;
  const loaded = new Lora(other, { rank: 2, seed: 9 });
  await loaded.load(path);
  expect(await logitsOf(other)).toEqual(trained);
  loaded.dispose();
  expect(await logitsOf(other)).toEqual(before);

  lora.merge();
  expectClose(await logitsOf(model), trained, { relative: 1e-5, label: "logits" });
  expect([...lora.parameters()]).toEqual([]);
  expect(device.liveBytes).toBeLessThan(live + 20_000); // the moments of the optimiser
});

test("LoRA beside q4 weights leaves them in q4, and is not merged into them", async () => {
  const { device, data, schedule } = start();
  const model = new TinyModel(device, 1, 4, "q4");
  const loss = await evaluateLoss(model, data.inOrder());
  const weights = await weightsOf(model);
  const lora = new Lora(model, { rank: 2 });
  await train({ model, data, schedule, optimiser: new AdamW(lora.parameters()), steps: 30 });
  const trained = await evaluateLoss(model, data.inOrder());
  expect(trained).toBeLessThan(loss - 0.2);
  expect(await weightsOf(model)).toEqual(weights);
  expect(() => lora.merge()).toThrow('Cannot merge LoRA: the weight of "mixer.inProj" is q4 but f32 was needed');
  expect(await evaluateLoss(model, data.inOrder())).toBe(trained);
});

test("LoRA of a recurrent layer goes into the weight that its state is multiplied with", async () => {
  const { device } = start();
  using layer = new Gru({ dModel: 4, dHidden: 6 }, seeded(device, 3));
  const x = device.tensor(
    Float32Array.from({ length: 20 }, (_, i) => Math.sin(i)),
    [1, 5, 4],
  );
  const outputs = async () => (await layer.forward({ x }).y.data()) as Float32Array;
  const lora = new Lora(layer, { rank: 2 });
  const loss = () => sum(layer.forward({ x }).y);
  const before = await outputs();
  const { gradients } = valueAndGrad(loss, Object.fromEntries(lora.parameters()));
  for (const [path, factor] of lora.parameters()) {
    const learns = (await gradients[path].data()).some((value) => value !== 0);
    expect(learns, path).toBe(path.endsWith("loraUp")); // down learns when up is no longer zero
    if (learns) factor.assign(gradients[path]);
  }
  const adapted = await outputs();
  expect(adapted).not.toEqual(before);
  lora.merge();
  expectClose(await outputs(), adapted, { relative: 1e-5, label: "y" });
});

test("LoRA takes the projections that are asked for, and names what does not fit", async () => {
  const { model } = start();
  const lora = new Lora(model, { rank: 2, has: (path) => path.endsWith("outProj") });
  expect([...lora.parameters()]).toHaveLength(2);
  const path = temporary("adapter_model.safetensors");
  await lora.save(path, (name) => `backbone.${name}`);
  await expect(lora.load(path)).rejects.toThrow('"base_model.model.backbone.mixer.outProj.lora_A.weight" has no place');
  await lora.load(path, (name) => `backbone.${name}`);
  const wider = new Lora(start().model, { rank: 3, has: (path) => path.endsWith("outProj") });
  await expect(wider.load(path, (name) => `backbone.${name}`)).rejects.toThrow("is [2, 16] but [3, 16] was needed");
  expect(() => new Lora(model, { rank: 0 })).toThrow("rank is 0");
  expect(() => new Lora(model, { has: () => false })).toThrow("no projection of the model was chosen");
});

test("a state is tuned, saved and loaded, and the weights stay", async () => {
  const { model, ...rest } = start();
  const weights = await weightsOf(model);
  const before = await logitsOf(model);
  const tuned = new TunedState(model);
  expect([...tuned.parameters()].map(([path, { shape }]) => [path, shape])).toEqual([
    ["layers.0.conv", [1, 16, 3]],
    ["layers.0.ssm", [1, 16, 4]],
  ]);
  expectClose(await logitsOf(tuned), before, { relative: 1e-6, label: "logits" });
  const loss = await evaluateLoss(tuned, rest.data.inOrder());
  await train({ ...rest, model: tuned, optimiser: new AdamW(tuned.parameters(), { weightDecay: 0 }), steps: 30 });
  expect(await evaluateLoss(tuned, rest.data.inOrder())).toBeLessThan(loss);
  expect(await weightsOf(model)).toEqual(weights);

  const path = temporary("state.safetensors");
  await tuned.save(path);
  const other = new TunedState(start().model);
  await other.load(path);
  expect(await logitsOf(other)).toEqual(await logitsOf(tuned));
  writeFileSync(path, writeSafetensors({ x: { dtype: "f32", shape: [1], data: Float32Array.of(1) } }));
  await expect(other.load(path)).rejects.toThrow('"x" has no place in the model');
});

test("dropout changes steps, not evaluation, and a run that is resumed drops the same", async () => {
  class Dropping extends TinyModel {
    readonly chance = new DropoutChance(4);
    readonly dropout = new Dropout(0.2, this.chance);
    override forward(ids: Tensor, options?: NextTokenOptions) {
      using scope = ids.device.scope();
      const { logits, layers } = super.forward(ids, options);
      for (const tensor of Object.values(layers[0])) scope.keep(tensor);
      return { logits: scope.keep(this.dropout.forward(logits)), layers };
    }
  }
  const run = (drops: boolean) => {
    const { device, data, schedule } = start();
    const model = new Dropping(device);
    const losses: number[] = [];
    const onStep = ({ loss }: { readonly loss: number }) => void losses.push(loss);
    const dropout = drops ? model.chance : undefined;
    return { model, data, schedule, losses, onStep, dropout, optimiser: new AdamW(model.parameters()) };
  };
  const [without, straight, halves] = [run(false), run(true), run(true)];
  await train({ ...without, steps: 4 });
  await train({ ...straight, steps: 4 });
  for (const steps of [2, 4]) await train({ ...halves, steps });
  expect(straight.losses).not.toEqual(without.losses);
  expect(halves.losses).toEqual(straight.losses);
});
