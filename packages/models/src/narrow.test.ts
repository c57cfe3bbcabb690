import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describeModel } from "./describe.ts";
import { memorySource, openModelFiles, openWeights, writeSafetensors, type TensorData } from "@elapid/loaders";
import { bytesOf, Device, HostBackend, valueAndGrad, sum, type WeightDType } from "@elapid/tensor";
import { testedBackends } from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { loadModel } from "./load.ts";

const checkpoints = join(import.meta.dirname, "../../../golden/checkpoints");
const ids = [Array.from({ length: 24 }, (_, i) => (i * 37 + 11) % 200)];

async function open(folder: string, device: Device, dtype: WeightDType) {
  const files = await openModelFiles(join(checkpoints, folder));
  try {
    return await loadModel(files, device, { dtype });
  } finally {
    await files.close();
  }
}

async function logitsOf(folder: string, device: Device, dtype: WeightDType): Promise<Float32Array> {
  using lm = await open(folder, device, dtype);
  expect(lm.dtype).toBe(dtype);
  const { logits, state } = lm.forward(ids);
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  state.dispose();
  return values;
}

const size = (values: Float32Array) => Math.sqrt(values.reduce((total, value) => total + value * value, 0));
const apart = (a: Float32Array, b: Float32Array) => size(a.map((value, i) => value - b[i])) / size(b);

describe.each(["mamba-untied", "mamba2-tied", "ss-mamba1-mlp"])("%s", (folder) => {
  // random weights of 40 columns: a trained model is nearer
  test.each([
    ["f16", 2e-3],
    ["bf16", 2e-2],
    ["q8", 5e-2],
    ["q4", 0.5],
  ] as const)("has logits in %s within %f of those in f32, relative to their size", async (dtype, bound) => {
    using host = new Device(new HostBackend());
    const exact = await logitsOf(folder, host, "f32");
    const decoded = await logitsOf(folder, host, dtype);
    expect(apart(decoded, exact)).toBeLessThan(bound);
    for (const { open: openBackend } of testedBackends.filter(({ kind }) => kind === "wasm")) {
      using device = new Device(await openBackend(), { strict: true });
      const logits = await logitsOf(folder, device, dtype);
      expect(apart(logits, exact)).toBeLessThan(bound);
      // what the kernels round besides the weights
      expect(apart(logits, decoded)).toBeLessThan(dtype === "q4" ? 0.1 : 1e-3);
      expect(device.liveBytes).toBe(0);
    }
  });

  test.each(["f32", "f16", "bf16", "q8", "q4"] as const)(
    "takes in %s the memory foretold, and never more",
    async (dtype) => {
      using device = new Device(new HostBackend());
      using lm = await open(folder, device, dtype);
      const parameters = [...lm.model.parameters()].reduce((total, [, { byteLength }]) => total + byteLength, 0);
      const files = await openModelFiles(join(checkpoints, folder));
      const { memoryBytes } = await describeModel(files);
      await files.close();
      expect(parameters).toBe(memoryBytes[dtype]);
      // rates of decay are computed once, from parameters that stay
      expect(device.peakBytes).toBeLessThan(parameters + 64 * 1024);
    },
  );
});

/** The golden model with another tensor in the place of one. */
async function changed(name: string, change: (values: Float32Array) => Float32Array) {
  const bytes = readFileSync(join(checkpoints, "mamba-untied/model.safetensors"));
  const weights = await openWeights(memorySource(bytes, "model.safetensors"));
  const tensors: Record<string, TensorData> = {};
  for (const [key, { dtype, shape }] of weights.tensors) tensors[key] = { dtype, shape, data: await weights.read(key) };
  const { shape, data } = tensors[name];
  const values = new Float32Array(Uint8Array.from(data as Uint8Array).buffer);
  tensors[name] = { dtype: "f32", shape, data: bytesOf(change(values)) };
  const config = readFileSync(join(checkpoints, "mamba-untied/config.json"));
  return openModelFiles({ files: { "config.json": config, "model.safetensors": writeSafetensors(tensors) } });
}

test.each(["f16", "q8", "q4"] as const)(
  "%s refuses a weight that it cannot hold, by name, and frees the rest",
  async (dtype) => {
    const name = "backbone.layers.1.mixer.in_proj.weight";
    for (const bad of [NaN, Infinity, 1e9]) {
      using device = new Device(new HostBackend());
      const files = await changed(name, (values) => values.with(777, bad));
      await expect(loadModel(files, device, { dtype })).rejects.toThrow(
        new RegExp(
          `^Cannot load "model.safetensors": tensor "${name}": Cannot store weights as ${dtype}: .*not finite`,
        ),
      );
      expect(device.liveBytes).toBe(0);
    }
  },
);

test("gives the gradient by what is f32, through narrow weights, and refuses it by these", async () => {
  using device = new Device(new HostBackend());
  using lm = await open("mamba-untied", device, "q8");
  using input = device.tensor(Int32Array.from(ids[0]), [1, ids[0].length]);
  const loss = () => sum(lm.model.forward(input).logits!);
  const parameters = Object.fromEntries(lm.model.parameters());
  const norm = "backbone.layers.0.norm.weight";
  const { value, gradients } = valueAndGrad(loss, { [norm]: parameters[norm] });
  const gradient = await gradients[norm].data();
  expect(gradient.some((each) => each !== 0)).toBe(true);
  expect(gradient.every(Number.isFinite)).toBe(true);
  value.dispose();
  gradients[norm].dispose();
  const weight = "backbone.layers.0.mixer.inProj.weight";
  expect(() => valueAndGrad(loss, { [weight]: parameters[weight] })).toThrow(
    new TypeError(`Cannot differentiate: parameter "${weight}" is q8; only f32 weights have a gradient`),
  );
});
