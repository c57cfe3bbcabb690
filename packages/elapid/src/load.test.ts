import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { stories } from "@elapid/stories";
import { expect, test } from "vitest";
import {
  Device,
  DeviceLostError,
  load,
  ModelNotFoundError,
  openDevice,
  openSource,
  TensorDisposedError,
} from "./index.ts";

const { greedy } = JSON.parse(readFileSync(new URL("../../../golden/stories/expected.json", import.meta.url), "utf8"));
const folder = fileURLToPath(new URL(".", stories.files["config.json"]));

test.each([
  ["a package's name", "@elapid/stories"],
  ["a package's model", stories],
  ["a folder", folder],
  ["a file", `${folder}model.safetensors`],
  ["a file: URL", new URL(".", stories.files["config.json"])],
])("writes what PyTorch writes, loaded from %s", async (_, source) => {
  using lm = await load(source, { device: "wasm" });
  let text = greedy.prompt;
  for await (const piece of lm.generate(greedy.prompt, { temperature: 0, maxTokens: 96 })) text += piece;
  expect(text).toBe(greedy.text);
});

test("opens files that a bundler has turned into data: URLs", async () => {
  const url = (file: string) =>
    new URL(`data:application/json;base64,${readFileSync(stories.files[file]).toString("base64")}`);
  const files = { ...stories.files, "config.json": url("config.json"), "tokenizer.json": url("tokenizer.json") };
  using lm = await load({ files }, { device: "host" });
  expect(lm.tokenizer?.encode("Once upon")).toEqual([433, 443]);
});

test("takes what the author of the model advises where the caller says nothing", async () => {
  using lm = await load("@elapid/stories", { device: "wasm" });
  expect(lm.advised).toEqual({ temperature: 0.7, topP: 0.9, maxTokens: 256 });
});

test("disposes of the device that it opened, with the model", async () => {
  const lm = await load("@elapid/stories", { device: "host" });
  lm.dispose();
  expect(() => lm.device.tensor([1])).toThrow(DeviceLostError);
});

test("leaves an open device to the caller, without a byte of the model", async () => {
  using device = await openDevice("host");
  const lm = await load("@elapid/stories", { device });
  const { logits, state } = lm.forward([[1, 2]]);
  logits.dispose();
  state.dispose();
  lm.dispose();
  expect(device.liveBytes).toBe(0);
  using one = device.tensor([1]);
  expect(await one.data()).toEqual(new Float32Array([1]));
  await expect(logits.data()).rejects.toThrow(TensorDisposedError);
});

test("reports progress up to the last byte of every file", async () => {
  const last = new Map<string, { readonly loaded: number; readonly total: number }>();
  using lm = await load("@elapid/stories", {
    device: "host",
    onProgress: ({ file, loaded, total }) => last.set(file, { loaded, total }),
  });
  expect([...last.keys()]).toEqual(expect.arrayContaining(["config.json", "tokenizer.json", "model.safetensors"]));
  for (const { loaded, total } of last.values()) expect(loaded).toBe(total);
  expect(lm.name).toBe("@elapid/stories");
});

test("names what is not supported yet", async () => {
  await expect(load("state-spaces/mamba-130m-hf")).rejects.toThrow(ModelNotFoundError);
  await expect(load("state-spaces/mamba-130m-hf", { revision: "main" })).rejects.toThrow(/revision "main"/);
});

test.each(["f32", "f16", "bf16", "q8", "q4"] as const)("foresees the story nearly as well in %s", async (dtype) => {
  using lm = await load("@elapid/stories", { device: "wasm", dtype, strict: true });
  expect(lm.dtype).toBe(dtype);
  const { perplexity } = await lm.score(lm.tokenizer!.encode(greedy.text));
  expect(perplexity).toBeLessThan(2.3588 * { f32: 1, f16: 1, bf16: 1.002, q8: 1.002, q4: 1.08 }[dtype]);
  let text = "";
  for await (const piece of lm.generate(greedy.prompt, { temperature: 0, maxTokens: 12 })) text += piece;
  expect(text).toMatch(/^, there was a little girl named Lily\./);
});

test("names the dtypes that there are", async () => {
  const options = JSON.parse('{ "dtype": "q5" }');
  await expect(load("@elapid/stories", options)).rejects.toThrow(
    new TypeError('Cannot load in dtype "q5": it is none of "auto", "f32", "f16", "bf16", "q8", "q4"'),
  );
});

test("names the nearest option where one is unknown", async () => {
  const options = JSON.parse('{ "devcie": "wasm" }');
  await expect(load("@elapid/stories", options)).rejects.toThrow('no option "devcie"; the nearest is "device"');
});

test("frees everything when it is aborted", async () => {
  using device = await openDevice("host");
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(load("@elapid/stories", { device, signal })).rejects.toThrow("enough");
  expect(device.liveBytes).toBe(0);
  expect(device).toBeInstanceOf(Device);
});

test("opens files without a device", async () => {
  const files = await openSource("@elapid/stories");
  expect(await files.json("config.json")).toMatchObject({ model_type: "mamba" });
  await files.close();
});
