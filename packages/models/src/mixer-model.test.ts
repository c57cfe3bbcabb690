import { join } from "node:path";
import { openModelFiles, toFloat32 } from "@elapid/loaders";
import { backends, expectClose } from "@elapid/testing";
import type { Device } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { argmax } from "./sample.ts";
import { loadModel } from "./load.ts";
import { State } from "./state.ts";

const golden = join(import.meta.dirname, "../../../golden/checkpoints");

async function open(device: Device, name: string) {
  return loadModel(await openModelFiles(join(golden, name)), device);
}

async function expected(name: string) {
  const files = await openModelFiles(join(golden, name, "expected.safetensors"));
  const weights = await files.weights();
  const floats = async (tensor: string) => toFloat32(await weights.read(tensor), "f32");
  const ints = async (tensor: string) => {
    const { shape } = weights.tensors.get(tensor)!;
    const bytes = await weights.read(tensor);
    const values = new Int32Array(bytes.slice().buffer);
    return Array.from({ length: shape[0] }, (_, row) => [...values.subarray(row * shape[1], (row + 1) * shape[1])]);
  };
  return { floats, ints };
}

const PROMPT = [[5, 17, 3, 99, 42, 8, 8, 61, 120, 7, 33]];

const tested = backends();
const cases = ["mamba-untied", "ss-mamba1-mlp", "mamba2-tied"].flatMap((model) =>
  tested.map((backend) => ({ ...backend, model })),
);

describe.each(cases)("$model on $name", ({ device: open_, model }) => {
  test("gives the logits of the official code", async () => {
    using lm = await open(await open_(), model);
    const { floats, ints } = await expected(model);
    const { logits, state } = lm.forward(await ints("input_ids"));
    expectClose(await logits.data(), await floats("logits"), { relative: 4e-5, label: "logits" });
    logits.dispose();
    state.dispose();
  });

  test("chooses the official greedy tokens", async () => {
    using lm = await open(await open_(), model);
    const { ints } = await expected(model);
    const [prompt] = await ints("greedy.prompt");
    const [ids] = await ints("greedy.ids");
    const got = [...prompt];
    let { logits, state } = lm.forward([prompt], { logits: "last" });
    while (got.length < ids.length) {
      const id = argmax((await logits.data()) as Float32Array);
      got.push(id);
      const next = lm.forward([[id]], { state });
      logits.dispose();
      state.dispose();
      ({ logits, state } = next);
    }
    logits.dispose();
    state.dispose();
    expect(got).toEqual(ids);
  });

  test("a sequence cut anywhere and continued gives the whole sequence's logits", async () => {
    using lm = await open(await open_(), model);
    const { vocabSize } = lm.model;
    const whole = lm.forward(PROMPT);
    const want = await whole.logits.data();
    for (const cut of [1, 4, 10]) {
      const first = lm.forward([PROMPT[0].slice(0, cut)]);
      const second = lm.forward([PROMPT[0].slice(cut)], { state: first.state });
      expectClose(await second.logits.data(), want.subarray(cut * vocabSize), {
        relative: 2e-5,
        label: `cut at ${cut}`,
      });
      expect(second.state.tokens).toBe(PROMPT[0].length);
      for (const value of [first.logits, first.state, second.logits, second.state]) value.dispose();
    }
    whole.logits.dispose();
    whole.state.dispose();
  });

  test("padding on either side changes neither the logits of the rest nor the state", async () => {
    using lm = await open(await open_(), model);
    const { vocabSize } = lm.model;
    const plain = lm.forward(PROMPT);
    const want = await plain.logits.data();
    for (const [left, right] of [
      [3, 0],
      [0, 2],
    ]) {
      const ids = [[...Array(left).fill(1), ...PROMPT[0], ...Array(right).fill(1)]];
      const mask = [[...Array(left).fill(0), ...PROMPT[0].map(() => 1), ...Array(right).fill(0)]];
      const padded = lm.forward(ids, { mask });
      const got = (await padded.logits.data()).subarray(left * vocabSize, (left + PROMPT[0].length) * vocabSize);
      expectClose(got, want, { relative: 2e-5, label: `padded by ${left} and ${right}` });
      for (const [i, layer] of padded.state.layers.entries()) {
        expectClose(await layer.ssm.data(), await plain.state.layers[i].ssm.data(), {
          relative: 2e-5,
          label: `state of layer ${i}`,
        });
        expectClose(await layer.conv.data(), await plain.state.layers[i].conv.data(), {
          relative: 2e-5,
          label: `window of layer ${i}`,
        });
      }
      padded.logits.dispose();
      padded.state.dispose();
    }
    plain.logits.dispose();
    plain.state.dispose();
  });

  test("a state is a value: it can be forked, joined with others and taken apart", async () => {
    using lm = await open(await open_(), model);
    const a = lm.forward([[1, 2, 3]]);
    const b = lm.forward([[9, 8, 7, 6]]);
    using fork = a.state.fork();
    using both = State.concat([a.state, b.state]);
    using onlyB = both.select([1]);
    const batch = lm.forward([[4], [5]], { state: both });
    const fromFork = lm.forward([[4]], { state: fork });
    const fromB = lm.forward([[5]], { state: onlyB });
    const got = await batch.logits.data();
    expect(got.subarray(0, lm.model.vocabSize)).toEqual(await fromFork.logits.data());
    expect(got.subarray(lm.model.vocabSize)).toEqual(await fromB.logits.data());
    for (const { logits, state } of [a, b, batch, fromFork, fromB]) {
      logits.dispose();
      state.dispose();
    }
  });

  test("everything but the weights is given back, and then the weights", async () => {
    const device = await open_();
    const before = device.liveBytes;
    {
      using lm = await open(device, model);
      const loaded = device.liveBytes;
      const { logits, state } = lm.forward(PROMPT, { onHidden: (_, tensor) => tensor.dispose() });
      expect(device.liveBytes).toBe(loaded + logits.byteLength + state.byteLength);
      logits.dispose();
      state.dispose();
      expect(device.liveBytes).toBe(loaded);
    }
    expect(device.liveBytes).toBe(before);
  });
});
