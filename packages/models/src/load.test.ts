import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openModelFiles, openWeights, memorySource, writeSafetensors, type TensorData } from "@elapid/loaders";
import { Device, HostBackend, OutOfMemoryError } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { loadModel } from "./load.ts";
import { State } from "./state.ts";

const folder = join(import.meta.dirname, "../../../golden/checkpoints/mamba-untied");
const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
const text = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

/** Tensors of the golden model, to be damaged. */
async function tensors(): Promise<Record<string, TensorData>> {
  const weights = await openWeights(memorySource(readFileSync(join(folder, "model.safetensors")), "model.safetensors"));
  const found: Record<string, TensorData> = {};
  for (const [name, { dtype, shape }] of weights.tensors)
    found[name] = { dtype, shape, data: await weights.read(name) };
  return found;
}

/** Loads a model of these files and gives the bytes that are left on the device if that fails. */
async function load(files: Record<string, Uint8Array>): Promise<unknown> {
  using device = new Device(new HostBackend());
  try {
    const lm = await loadModel(await openModelFiles({ files }), device);
    lm.dispose();
  } catch (error) {
    expect(device.liveBytes).toBe(0);
    throw error;
  }
  return undefined;
}

describe("loadModel refuses", () => {
  const NORM = "backbone.layers.1.norm.weight";

  test("a missing tensor, by name", async () => {
    const { [NORM]: _, ...rest } = await tensors();
    const files = { "config.json": text(config), "model.safetensors": writeSafetensors(rest) };
    await expect(load(files)).rejects.toThrow(`1 tensor is asked for by the config but missing: "${NORM}"`);
  });

  test("a surplus tensor, by name", async () => {
    const extra = { ...(await tensors()), "backbone.layers.9.mixer.D": (await tensors())[NORM] };
    const files = { "config.json": text(config), "model.safetensors": writeSafetensors(extra) };
    await expect(load(files)).rejects.toThrow(
      'not part of the model that the config describes: "backbone.layers.9.mixer.D"',
    );
  });

  test("a shape that does not fit the config", async () => {
    const bent = { ...(await tensors()), [NORM]: { dtype: "f32" as const, shape: [39], data: new Float32Array(39) } };
    const files = { "config.json": text(config), "model.safetensors": writeSafetensors(bent) };
    await expect(load(files)).rejects.toThrow(`tensor "${NORM}" has shape [39] but the config asks for [40]`);
  });

  test("a dtype that is no float", async () => {
    const bent = { ...(await tensors()), [NORM]: { dtype: "i32" as const, shape: [40], data: new Int32Array(40) } };
    const files = { "config.json": text(config), "model.safetensors": writeSafetensors(bent) };
    await expect(load(files)).rejects.toThrow(`tensor "${NORM}" is i32 but one of f32, f16, bf16, f64 was needed`);
  });

  test.each([
    [{ ...config, model_type: "mamab" }, 'model_type "mamab" is unknown; known are "mamba"'],
    [{ ...config, model_type: "__proto__" }, 'model_type "__proto__" is unknown'],
    [{ ...config, model_type: undefined }, 'it has no "model_type"'],
    [{ ...config, hidden_size: "wide" }, '"hidden_size" is "wide" but a whole number from 1 to 2147483647 was needed'],
    [{ ...config, vocab_size: -3 }, '"vocab_size" is -3'],
    [{ ...config, num_hidden_layers: undefined }, '"num_hidden_layers" is missing'],
    [
      { ...config, num_hidden_layers: 1e9 },
      '"num_hidden_layers" is 1000000000 but a whole number from 0 to 4096 was needed',
    ],
    [{ ...config, hidden_size: 2e9 }, "has shape [224, 40] but the config asks for [224, 2000000000]"],
    [{ ...config, use_bias: 1 }, '"use_bias" is 1 but true or false was needed'],
    [{ ...config, hidden_act: "tanh" }, '"hidden_act" is "tanh"'],
    [[], 'it has no "model_type"'],
    ["{", "config.json"],
  ])("a config that says otherwise: %#", async (json, message) => {
    const files = { "config.json": text(json), "model.safetensors": writeSafetensors(await tensors()) };
    await expect(load(files)).rejects.toThrow(message);
  });

  test("weights without a config", async () => {
    await expect(load({ "model.safetensors": writeSafetensors(await tensors()) })).rejects.toThrow("config.json");
  });

  test("a truncated file, and leaves nothing behind", async () => {
    const whole = writeSafetensors(await tensors());
    const files = { "config.json": text(config), "model.safetensors": whole.subarray(0, whole.length - 100) };
    await expect(load(files)).rejects.toThrow("model.safetensors");
  });
});

test("memory that runs out in the middle is given back, and the message says what was missing", async () => {
  class Small extends HostBackend {
    override allocate(bytes: number) {
      const left = 100_000 - this.liveBytes;
      if (bytes > left) throw new OutOfMemoryError("this device", bytes, left);
      return super.allocate(bytes);
    }
  }
  using device = new Device(new Small());
  const loading = loadModel(await openModelFiles(folder), device);
  await expect(loading).rejects.toThrow(
    /Cannot allocate on this device: \d\.\d MiB needed, \d\.\d MiB available; free other models/,
  );
  expect(device.liveBytes).toBe(0);
});

test("an abort frees what was loaded", async () => {
  using device = new Device(new HostBackend());
  const files = await openModelFiles(folder);
  await expect(loadModel(files, device, { signal: AbortSignal.abort(new Error("changed my mind")) })).rejects.toThrow(
    "changed my mind",
  );
  expect(device.liveBytes).toBe(0);
  await files.close();
});

test("ids outside the vocabulary and ragged rows are refused before anything runs", async () => {
  using device = new Device(new HostBackend());
  using lm = await loadModel(await openModelFiles(folder), device);
  expect(() => lm.forward([[1, 224]])).toThrow("token 1 is 224 but ids are whole numbers from 0 to 223");
  expect(() => lm.forward([[-1]])).toThrow("token 0 is -1");
  expect(() => lm.forward([[1.5]])).toThrow("token 0 is 1.5");
  expect(() => lm.forward([[1, 2], [3]])).toThrow("rows of ids differ in length");
  expect(() => lm.forward([])).toThrow("no tokens were given");
  expect(() => lm.forward([[]])).toThrow("no tokens were given");
  expect(() => lm.forward([[1]], { state: new State([], 0) })).toThrow("the state has 0 layers but the model 3");
  await expect(async () => lm.score([1, 999])).rejects.toThrow("token 1 is 999");
  expect(() => lm.generate("text")).toThrow("has no tokenizer.json");
});
