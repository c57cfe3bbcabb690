import { expect, test } from "vitest";
import { openDevice, probeAdapter, UnsupportedError } from "./index.ts";
import { choose } from "./open-device.ts";

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

test("runs every op of a model by kernels on WASM", async () => {
  using device = await openDevice("wasm", { strict: true });
  const { load } = await import("./index.ts");
  using lm = await load("@elapid/stories", { device });
  let text = "";
  for await (const piece of lm.generate("Once", { maxTokens: 4 })) text += piece;
  expect(text).not.toBe("");
});

test("refuses a kind that is none", async () => {
  // as JavaScript would call it
  await expect(openDevice(JSON.parse('"cuda"'))).rejects.toThrow(/"cuda" is none of "auto", "webgpu", "wasm", "host"/);
});
