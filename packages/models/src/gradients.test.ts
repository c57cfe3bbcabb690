import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openModelFiles } from "@elapid/loaders";
import { crossEntropy } from "@elapid/ops";
import { Device, HostBackend, sum, valueAndGrad, type Tensor } from "@elapid/tensor";
import { backends, expectClose } from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { checkpointName } from "./define.ts";
import { loadModel } from "./load.ts";
import { architectureOf } from "./registry.ts";

const golden = join(import.meta.dirname, "../../../golden/checkpoints");

interface Expected {
  readonly loss: number;
  readonly grad_norms: Readonly<Record<string, number>>;
}

async function expected(name: string): Promise<Expected> {
  return JSON.parse(await readFile(join(golden, name, "expected.json"), "utf8")) as Expected;
}

/** Tokens, `batch time`, of which the expected loss is. */
async function tokensOf(name: string) {
  const weights = await (await openModelFiles(join(golden, name, "expected.safetensors"))).weights();
  const [batch, time] = weights.tensors.get("input_ids")!.shape;
  const ids = new Int32Array((await weights.read("input_ids")).slice().buffer);
  await weights.close();
  return { ids, batch, time };
}

/** The mean loss of every token but the first, and its gradient by each parameter under its name in the checkpoint. */
async function lossAndGradients(device: Device, name: string) {
  using lm = await loadModel(await openModelFiles(join(golden, name)), device);
  const { names } = await architectureOf(lm.modelType, "config.json");
  const parameters: Record<string, Tensor> = {};
  for (const [path, tensor] of lm.model.parameters()) parameters[checkpointName(path, names)] = tensor;
  const { ids, batch, time } = await tokensOf(name);
  const labels = ids.map((_, i) => ((i + 1) % time === 0 ? -100 : ids[i + 1]));
  using input = device.tensor(ids, [batch, time]);
  using targets = device.tensor(labels, [batch, time]);
  const { value, gradients } = valueAndGrad(() => {
    const { logits } = lm.model.forward(input, {});
    return sum(crossEntropy(logits!, targets)).mul(device.full([], 1 / (batch * (time - 1))));
  }, parameters);
  const read: Record<string, Float32Array> = {};
  for (const [key, gradient] of Object.entries<Tensor>(gradients)) {
    read[key] = (await gradient.data()) as Float32Array;
    gradient.dispose();
  }
  const [loss] = await value.data();
  value.dispose();
  return { loss, gradients: read };
}

const norm = (values: Float32Array) => Math.hypot(...values);

describe.each(["mamba-untied", "ss-mamba1-mlp", "mamba2-tied"])("gradients of %s", (name) => {
  // the reference of every device; its own numbers stand against the official ones
  const onHost = (async () => {
    using device = new Device(new HostBackend());
    return await lossAndGradients(device, name);
  })();

  test("have the norms of the official code, on the host", async () => {
    const { loss, gradients } = await onHost;
    const { loss: officialLoss, grad_norms: norms } = await expected(name);
    expect(Math.abs(loss / officialLoss - 1)).toBeLessThan(1e-5);
    for (const [key, wanted] of Object.entries(norms)) {
      expectClose([norm(gradients[key])], [wanted], { relative: 1e-4, label: `norm of the gradient of ${key}` });
    }
  });

  test.each(backends())("are those of the host on $name, in kernels alone", async ({ device }) => {
    const host = await onHost;
    const { loss, gradients } = await lossAndGradients(await device(), name);
    expect(Math.abs(loss / host.loss - 1)).toBeLessThan(1e-5);
    expect(Object.keys(gradients)).toEqual(Object.keys(host.gradients));
    for (const [key, wanted] of Object.entries(host.gradients)) {
      expectClose(gradients[key], wanted, { relative: 5e-5, label: `gradient of ${key}` });
    }
  });
});
