import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { languageModel, languageModelConfig, mixerKinds, saveModel } from "@elapid/models";
import { sum, sumRows, valueAndGrad } from "@elapid/tensor";
import { expect, test } from "vitest";
import { load, openDevice, probeAdapter, UnsupportedError } from "./index.ts";
import { choose } from "./open-device.ts";

const checkpoints = join(import.meta.dirname, "../../../golden/checkpoints");

test("auto takes a GPU where there is one, else WASM, and says why", async () => {
  const { hardware } = await probeAdapter();
  using device = await openDevice("auto");
  expect(device.kind).toBe(hardware ? "webgpu" : "wasm");
  expect(device.reason).toMatch(/WebGPU/);
});

test("auto never takes a software adapter, even where that is allowed", async () => {
  const report = await probeAdapter();
  if (report.software) expect(choose(report)).toEqual({ kind: "wasm", reason: expect.stringMatching(/is software$/) });
  expect(choose({ hardware: false, reason: "WebGPU: no adapter was found; install one" })).toEqual({
    kind: "wasm",
    reason: "WebGPU: no adapter was found",
  });
  expect(choose({ hardware: true, reason: "a WebGPU adapter was found" }).kind).toBe("webgpu");
  using device = await openDevice("auto", { allowSoftware: true });
  expect(device.description).not.toMatch(/software/);
});

test("webgpu without a GPU says what is missing", async () => {
  const { hardware } = await probeAdapter();
  if (hardware) {
    using device = await openDevice("webgpu");
    expect(device.kind).toBe("webgpu");
  } else await expect(openDevice("webgpu")).rejects.toThrow(UnsupportedError);
});

test("opens WASM with the threads and SIMD build asked for", async () => {
  using device = await openDevice("wasm", { threads: 1, simd: "simd128" });
  expect(device).toMatchObject({ kind: "wasm", reason: "asked for", description: "wasm: SIMD128, 1 thread" });
});

test.each(["wasm", "webgpu"] as const)(
  "runs every op of a model by the kernels that load brings to %s",
  async (device) => {
    using lm = await load("@elapid/stories", { device, strict: true, allowSoftware: true });
    let text = "";
    for await (const { text: piece } of lm.generate(["Once", "One day"], { maxTokens: 3 })) text += piece;
    expect(text).not.toBe("");
    expect((await lm.score([0, 433, 443])).tokens).toBe(2);
  },
);

test.each(["wasm", "webgpu"] as const)(
  "runs every op of other architectures by the kernels that it asks for on %s",
  async (device) => {
    for (const name of ["ss-mamba1-mlp", "mamba2-tied"]) {
      using lm = await load(join(checkpoints, name), { device, strict: true, allowSoftware: true });
      const { logits, state } = lm.forward([[1, 2, 3]]);
      expect((await logits.data()).every(Number.isFinite)).toBe(true);
      const next = lm.forward([[4]], { state });
      expect((await next.logits.data()).every(Number.isFinite)).toBe(true);
    }
  },
);

test.each(["wasm", "webgpu"] as const)(
  "runs a model of every kind of block by the kernels that it asks for on %s",
  async (device) => {
    const folder = await mkdtemp(join(tmpdir(), "elapid-"));
    try {
      using host = await openDevice("host");
      const config = {
        vocabSize: 12,
        dModel: 8,
        blocks: mixerKinds,
        dIntermediate: 8,
        positions: "sinusoidal",
      } as const;
      const path = join(folder, "model");
      await saveModel(
        path,
        languageModel(config, (shape) => host.full(shape, 0.1)),
        languageModelConfig(config),
      );
      using lm = await load(path, { device, strict: true, allowSoftware: true });
      const { state } = lm.forward([[1, 2, 3]]);
      const next = lm.forward([[4]], { state });
      expect((await next.logits.data()).every(Number.isFinite)).toBe(true);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

test("a device with the kernels of inference alone leaves gradients to their references, and says so", async () => {
  const notices: string[] = [];
  using device = await openDevice("wasm", { kernels: [], onNotice: (notice) => notices.push(notice) });
  const { gradients } = valueAndGrad(() => sum(sumRows(device.tensor([1, 2], [2, 1]))), { x: device.tensor([1]) });
  expect(await gradients.x.data()).toEqual(Float32Array.of(0));
  expect(notices).toEqual([expect.stringContaining('"sum-rows" has no kernel on "wasm"')]);
});

test("refuses a kind that is none", async () => {
  // as JavaScript would call it
  await expect(openDevice(JSON.parse('"cuda"'))).rejects.toThrow(/"cuda" is none of "auto", "webgpu", "wasm", "host"/);
});
