import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFile, openModelFiles, openSafetensors } from "@elapid/loaders";
import { readGguf } from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import { afterAll, describe, expect, test } from "vitest";
import { convertModel, type ConvertOptions } from "./convert.ts";
import { loadModel } from "./load.ts";

const golden = join(import.meta.dirname, "../../../golden");
const place = mkdtempSync(join(tmpdir(), "elapid-convert-"));
afterAll(() => rmSync(place, { recursive: true }));
let made = 0;
const fresh = (ending = "") => join(place, `${made++}${ending}`);

async function convert(source: string, destination: string, options: ConvertOptions): Promise<string> {
  const files = await openModelFiles(source);
  try {
    await convertModel(files, destination, options);
  } finally {
    await files.close();
  }
  return destination;
}

/** Every parameter of a loaded model, as it lies on the device. */
async function parametersOf(folder: string, dtype?: ConvertOptions["dtype"]) {
  using device = new Device(new HostBackend());
  const files = await openModelFiles(folder);
  using lm = await loadModel(files, device, { dtype }).finally(() => files.close());
  const found: Record<string, unknown> = { dtype: lm.dtype };
  for (const [path, tensor] of lm.model.parameters())
    found[path] = { dtype: tensor.dtype, bytes: await device.read(tensor) };
  return found;
}

const untied = join(golden, "checkpoints/mamba-untied");

describe.each(["mamba-untied", "mamba2-tied", "ss-mamba1-mlp"])("a folder of %s", (name) => {
  const source = join(golden, "checkpoints", name);

  test.each(["q8", "q4"] as const)("in %s loads, unasked, into the bits of quantising at load", async (dtype) => {
    const folder = await convert(source, fresh(), { dtype });
    expect(await parametersOf(folder)).toEqual(await parametersOf(source, dtype));
    const again = await convert(folder, fresh(), { dtype });
    expect(readFileSync(join(again, "model.safetensors"))).toEqual(readFileSync(join(folder, "model.safetensors")));
  });

  test.each(["f16", "bf16"] as const)("in %s holds plain tensors of the shapes of the source", async (dtype) => {
    const folder = await convert(source, fresh(), { dtype });
    expect(await parametersOf(folder, dtype)).toEqual(await parametersOf(source, dtype));
    const after = await openSafetensors(await openFile(join(folder, "model.safetensors")));
    const { tensors, metadata } = after;
    const files = await openModelFiles(source);
    const before = await files.weights();
    for (const [tensor, { shape }] of tensors) expect(shape).toEqual(before.tensors.get(tensor)?.shape);
    expect(new Set([...tensors.values()].map((each) => each.dtype))).toEqual(new Set([dtype, "f32"]));
    expect(metadata).toEqual({ format: "pt" });
    const json = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
    expect(json.dtype).toBe(dtype === "f16" ? "float16" : "bfloat16");
    expect(json.quantization_config).toBeUndefined();
    await Promise.all([after.close(), files.close()]);
  });

  test("comes back from q8 as the numbers that q8 holds", async () => {
    const narrow = await convert(source, fresh(), { dtype: "q8" });
    const wide = await convert(narrow, fresh(), { dtype: "f32" });
    expect(await parametersOf(wide, "q8")).toEqual(await parametersOf(narrow, "q8"));
    expect(JSON.parse(readFileSync(join(wide, "config.json"), "utf8")).quantization_config).toBeUndefined();
  });
});

test("says of finished weights that nothing is left to scale", async () => {
  const source = fresh();
  mkdirSync(source);
  const config = JSON.parse(readFileSync(join(untied, "config.json"), "utf8"));
  writeFileSync(join(source, "config.json"), JSON.stringify({ ...config, rescale_prenorm_residual: true }));
  writeFileSync(join(source, "model.safetensors"), readFileSync(join(untied, "model.safetensors")));
  const folder = await convert(source, fresh(), { dtype: "bf16" });
  const json = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  expect(json.rescale_prenorm_residual).toBe(false); // transformers 5 would scale them while it loads
});

test.each([
  [{ quant_method: "gptq", bits: 4 }, '"quantization_config.quant_method" is "gptq" but one of "elapid" was needed'],
  [
    { quant_method: "elapid", version: 2, dtype: "q4" },
    '"quantization_config.version" is 2 but a whole number from 1 to 1 was needed',
  ],
  [{ quant_method: "elapid", version: 1 }, '"quantization_config.dtype" is missing but one of "q8", "q4" was needed'],
])("refuses weights quantised otherwise: %#", async (quantization, message) => {
  const folder = await convert(untied, fresh(), { dtype: "q4" });
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, quantization_config: quantization }));
  await expect(parametersOf(folder)).rejects.toThrow(message);
});

describe("what cannot be done leaves everything as it was", () => {
  test("a destination that exists", async () => {
    const folder = fresh();
    mkdirSync(folder);
    writeFileSync(join(folder, "notes.txt"), "mine");
    await expect(convert(untied, folder, { dtype: "q8" })).rejects.toThrow(
      `Cannot write "${folder}": it exists; --force, or the option force, replaces it`,
    );
    expect(readdirSync(folder)).toEqual(["notes.txt"]);
    await convert(untied, folder, { dtype: "q8", force: true });
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(["notes.txt", "config.json", "model.safetensors"]));
    await expect(convert(untied, `${folder}/config.json`, { dtype: "q8", force: true })).rejects.toThrow(
      "a file is there, but a folder was to be written",
    );
  });

  test("an abort", async () => {
    const before = readdirSync(place);
    const signal = AbortSignal.abort(new Error("changed my mind"));
    await expect(convert(untied, fresh(), { dtype: "q8", signal })).rejects.toThrow("changed my mind");
    await expect(convert(join(golden, "training/mamba"), fresh(".gguf"), { dtype: "f32", signal })).rejects.toThrow(
      "changed my mind",
    );
    expect(readdirSync(place)).toEqual(before);
  });

  test.each([
    ["mamba2-tied", '"n_groups" is 2'],
    ["ss-mamba1-mlp", 'it has no place for tensor "backbone.layers.0.norm2.weight"'],
  ])("%s as GGUF", async (name, message) => {
    const before = readdirSync(place);
    const file = fresh(".gguf");
    await expect(convert(join(golden, "checkpoints", name), file, { dtype: "q8" })).rejects.toThrow(message);
    expect(readdirSync(place)).toEqual(before);
  });
});

describe("a GGUF file", () => {
  /** The model whose files gguf-py wrote. */
  function model(): string {
    const folder = fresh();
    mkdirSync(folder);
    const content = {
      "config.json": "training/mamba/config.json",
      "model.safetensors": "training/mamba/model.safetensors",
      "tokenizer.json": "tokenizers/bytelevel/tokenizer.json",
      "tokenizer_config.json": "tokenizers/bytelevel/tokenizer_config.json",
    };
    for (const [file, from] of Object.entries(content))
      writeFileSync(join(folder, file), readFileSync(join(golden, from)));
    return folder;
  }
  const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

  test.each(["F32", "F16"] as const)("in %s holds what that of gguf-py does, to the byte", async (type) => {
    const expected = JSON.parse(readFileSync(join(golden, "gguf/mamba.json"), "utf8"))[type];
    const folder = model();
    const dtype = type === "F32" ? "f32" : "f16";
    const { metadata, tensors } = readGguf(await convert(folder, fresh(".gguf"), { dtype }));
    const short = [...metadata].map(([key, value]) => {
      const json = JSON.stringify(value);
      return [key, json.length < 1000 ? value : { sha256: sha256(json) }];
    });
    expect(Object.fromEntries(short)).toEqual({ ...expected.metadata, "general.name": folder });
    expect(tensors.size).toBe(expected.tensors.length);
    for (const { name, type, shape, sha256: hash } of expected.tensors) {
      const found = tensors.get(name)!;
      expect({ name, type: found.type, shape: found.shape }).toEqual({ name, type, shape });
      // the exponential of PyTorch is rounded another way
      if (!name.endsWith("ssm_a")) expect(`${name} ${sha256(found.bytes)}`).toBe(`${name} ${hash}`);
    }
  });

  test.each([
    ["q8", 8],
    ["q4", 2],
  ] as const)(
    "in %s has blocks of type %i, and f16 where rows are no whole blocks or give step sizes",
    async (dtype, type) => {
      const { tensors } = readGguf(await convert(model(), fresh(".gguf"), { dtype }));
      expect(tensors.get("blk.0.ssm_in.weight")?.type).toBe(type);
      expect(tensors.get("token_embd.weight")?.type).toBe(type);
      expect(tensors.get("blk.0.ssm_dt.weight")?.type).toBe(1);
      expect(tensors.get("blk.0.ssm_conv1d.weight")?.type).toBe(0);
    },
  );

  test("without a tokenizer tells the number of tokens", async () => {
    const { metadata } = readGguf(await convert(join(golden, "training/mamba"), fresh(".gguf"), { dtype: "bf16" }));
    expect(metadata.get("tokenizer.ggml.model")).toBe("none");
    expect(metadata.get("mamba.vocab_size")).toBe(384);
  });

  test("refuses a tokenizer that llama.cpp's gpt2 is not, by name", async () => {
    const folder = model();
    const unigram = readFileSync(join(golden, "tokenizers/unigram/tokenizer.json"));
    writeFileSync(join(folder, "tokenizer.json"), unigram);
    await expect(convert(folder, fresh(".gguf"), { dtype: "q8" })).rejects.toThrow('is of the kind "Unigram"');
  });
});
