import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelNotFoundError } from "./errors.ts";
import type { ModelLocation } from "./locate.ts";
import type { LoadProgress } from "./progress.ts";
import { writeSafetensors } from "./safetensors-write.ts";
import { openModelFiles, type ModelFiles, type OpenModelOptions } from "./source.ts";

const golden = fileURLToPath(new URL("../../../golden/loaders", import.meta.url));
type Expected = Record<string, Record<string, { dtype: string; shape: number[]; hex?: string; sha256?: string }>>;
const expected = JSON.parse(await readFile(join(golden, "expected.json"), "utf8")) as Expected;

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "elapid-loaders-"));
});
afterAll(() => rm(scratch, { recursive: true }));

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const digest = async (bytes: Uint8Array) =>
  hex(new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes))));

/** Reads every tensor of a golden checkpoint and compares it, byte for byte, with what PyTorch reads. */
async function expectGolden(files: ModelFiles, name: string): Promise<void> {
  const weights = await files.weights();
  expect([...weights.tensors.keys()].toSorted()).toEqual(Object.keys(expected[name]).toSorted());
  for (const [tensor, want] of Object.entries(expected[name])) {
    expect(weights.tensors.get(tensor), tensor).toMatchObject({ dtype: want.dtype, shape: want.shape });
    const bytes = await weights.read(tensor);
    expect(want.hex !== undefined ? hex(bytes) : await digest(bytes), tensor).toBe(want.hex ?? want.sha256);
  }
  await weights.close();
}

/** Serves the golden folder. */
async function serveGolden(): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer(async (request, response) => {
    const bytes = await readFile(join(golden, new URL(request.url!, "http://x").pathname)).catch(() => undefined);
    if (!bytes) return void response.writeHead(404).end();
    const [, from, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "")!.map(Number);
    const part = bytes.subarray(from, last + 1);
    response.writeHead(206, { "content-range": `bytes ${from}-${from + part.length - 1}/${bytes.length}` }).end(part);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

/** A folder of its own with these files. */
async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await mkdtemp(join(scratch, "model-"));
  for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
  return folder;
}

const small = writeSafetensors({ x: { dtype: "u8", shape: [2], data: new Uint8Array([1, 2]) } });
const openWeightsOf = async (location: ModelLocation, options?: OpenModelOptions) =>
  (await openModelFiles(location, options)).weights();

describe("opens", () => {
  test.each(["mamba-sharded", "ss-mamba1-mlp"])("the folder %s", async (name) => {
    const files = await openModelFiles(join(golden, name));
    expect(files.name).toBe(join(golden, name));
    expect(await files.json("config.json")).toMatchObject(
      name === "mamba-sharded" ? { model_type: "mamba" } : { d_model: 40 },
    );
    expect(await files.json("tokenizer.json")).toBeUndefined();
    await expectGolden(files, name);
    await files.close();
  });

  test("a file: URL of a folder, and of a file with its config beside it", async () => {
    const folder = pathToFileURL(join(golden, "ss-mamba1-mlp"));
    await expectGolden(await openModelFiles(folder), "ss-mamba1-mlp");
    const files = await openModelFiles(new URL(`${folder.href}/pytorch_model.bin`));
    await expectGolden(files, "ss-mamba1-mlp");
    expect(await files.json("config.json")).toMatchObject({ d_model: 40 });
  });

  test("a file of any name, also one that a URL has to escape", async () => {
    const folder = await folderOf({ "what? 100%.safetensors": small, "config.json": "{}" });
    for (const location of [
      join(folder, "what? 100%.safetensors"),
      pathToFileURL(join(folder, "what? 100%.safetensors")),
    ]) {
      const files = await openModelFiles(location);
      expect(await files.json("config.json")).toEqual({});
      expect([...(await files.weights()).tensors.keys()]).toEqual(["x"]);
      await files.close();
    }
    await expectGolden(await openModelFiles(join(golden, "tensors.pt")), "tensors.pt");
  });

  test("a URL of a folder, of a file and of an index", async () => {
    const { url, close } = await serveGolden();
    await expectGolden(await openModelFiles(`${url}/mamba-sharded`), "mamba-sharded");
    await expectGolden(
      await openModelFiles(new URL(`${url}/mamba-sharded/model.safetensors.index.json?token=1`)),
      "mamba-sharded",
    );
    const files = await openModelFiles(`${url}/ss-mamba1-mlp/pytorch_model.bin`);
    await expectGolden(files, "ss-mamba1-mlp");
    expect(await files.json("config.json")).toMatchObject({ d_model: 40 });
    expect(await files.text("tokenizer.json")).toBeUndefined();
    await close();
  });

  test("files given one by one, whatever the name of the weights", async () => {
    const bin = new Blob([await readFile(join(golden, "ss-mamba1-mlp/pytorch_model.bin"))]);
    const config = await readFile(join(golden, "ss-mamba1-mlp/config.json"));
    const files = await openModelFiles({ files: { "dropped.bin": bin, "config.json": config } });
    expect(await files.json("config.json")).toMatchObject({ d_model: 40 });
    await expectGolden(files, "ss-mamba1-mlp");
  });
});

test("opens files that a bundler inlined", async () => {
  const url = new URL(`data:application/octet-stream;base64,${Buffer.from(small).toString("base64")}`);
  const weights = await openWeightsOf({ files: { "model.safetensors": url } });
  expect([...weights.tensors.keys()]).toEqual(["x"]);
  const broken = openWeightsOf({ files: { "model.safetensors": new URL("blob:nodedata:none") } });
  await expect(broken).rejects.toMatchObject({ name: "FetchError", url: "blob:nodedata:none" });
});

describe("tells how far it is", () => {
  test.each(["mamba-sharded", "ss-mamba1-mlp"])("rising and ending at the total: %s", async (name) => {
    const events: LoadProgress[] = [];
    const files = await openModelFiles(join(golden, name), { onProgress: (progress) => events.push(progress) });
    await files.text("config.json");
    await expectGolden(files, name);
    const names = [...new Set(events.map(({ file }) => file))].toSorted();
    expect(names).toEqual((await readdir(join(golden, name))).toSorted());
    for (const file of names) {
      const own = events.filter((event) => event.file === file);
      own.reduce((before, { loaded }) => (expect(loaded).toBeGreaterThan(before), loaded), 0);
      expect(own.at(-1)).toMatchObject({ loaded: own[0].total, total: own[0].total });
    }
  });

  test("counts what is read twice once", async () => {
    const events: LoadProgress[] = [];
    const weights = await openWeightsOf(
      { files: { "model.safetensors": small } },
      { onProgress: (progress) => events.push(progress) },
    );
    await weights.read("x");
    const count = events.length;
    await weights.read("x");
    expect(events).toHaveLength(count);
    expect(events.at(-1)).toEqual({ file: "model.safetensors", loaded: small.length, total: small.length });
  });
});

describe("an abort", () => {
  test("stops opening and later reads with its reason", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const weights = await openWeightsOf(join(golden, "mamba-sharded"), { signal: controller.signal });
    const own = new AbortController();
    own.abort("only this read");
    await expect(weights.read("backbone.embeddings.weight", { signal: own.signal })).rejects.toBe("only this read");
    await expect(weights.read("backbone.embeddings.weight")).resolves.toBeInstanceOf(Uint8Array);
    controller.abort(reason);
    await expect(weights.read("backbone.embeddings.weight")).rejects.toBe(reason);
    await expect(openModelFiles(golden, { signal: controller.signal })).rejects.toBe(reason);
    await weights.close();
  });

  test("stops between the chunks of a tensor", async () => {
    const controller = new AbortController();
    const weights = await openWeightsOf(join(golden, "ss-mamba1-mlp"));
    const read = async () => {
      for await (const _ of weights.chunks("backbone.embedding.weight", {
        chunkBytes: 1024,
        signal: controller.signal,
      }))
        controller.abort("stop");
    };
    await expect(read()).rejects.toBe("stop");
    await weights.close();
  });
});

describe("says what is wrong with", () => {
  const failure = async (promise: Promise<unknown>) =>
    promise.then(
      () => new Error("it opened"),
      (error: unknown) => error as Error,
    );

  test("a place where nothing is", async () => {
    const error = await failure(openModelFiles("./no/such/model"));
    expect(error).toBeInstanceOf(ModelNotFoundError);
    expect(error.message).toBe('Cannot open "./no/such/model": there is no such folder or file');
    expect((await failure(openModelFiles(join(golden, "none.safetensors")))).message).toMatch(
      /none\.safetensors": there is no such folder or file$/,
    );
  });

  test("a model of the hub", async () => {
    const error = await failure(openModelFiles("state-spaces/mamba-130m-hf", { revision: "main" }));
    expect(error).toBeInstanceOf(ModelNotFoundError);
    expect(error.message).toBe(
      'Cannot open "state-spaces/mamba-130m-hf": there is no such folder or file, and models (revision "main") are not fetched from the hub yet; download it and give its folder, or give the URL of its files',
    );
  });

  test("a folder without weights", async () => {
    const folder = await folderOf({ "config.json": "{}" });
    const error = await failure(openWeightsOf(folder));
    expect(error).toBeInstanceOf(ModelNotFoundError);
    expect((error as ModelNotFoundError).lookedFor).toContain("pytorch_model.bin");
    expect(error.message).toBe(
      `Cannot open the model in "${folder}": looked for model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json; there are config.json`,
    );
  });

  test("a URL without weights", async () => {
    const { url, close } = await serveGolden();
    const error = await failure(openWeightsOf(`${url}/nothing`));
    expect(error).toBeInstanceOf(ModelNotFoundError);
    expect(error.message).toMatch(
      /^Cannot open the model in "http:.*\/nothing\/": looked for model\.safetensors, .*; the server answered 404$/,
    );
    await close();
  });

  test("weights that are a folder", async () => {
    const folder = await folderOf({});
    await mkdir(join(folder, "model.safetensors"));
    expect((await failure(openWeightsOf(folder))).message).toBe(
      `Cannot open "${join(folder, "model.safetensors")}": it is a folder, not a file`,
    );
  });

  test("malformed JSON", async () => {
    const files = await openModelFiles(await folderOf({ "config.json": '{"a": ' }));
    const error = await failure(files.json("config.json"));
    expect(error).toBeInstanceOf(SyntaxError);
    expect(error.message).toMatch(/^Cannot read ".*config\.json": its JSON is malformed/);
  });

  test.each([
    ["GGUF....", "GGUF files are not supported yet"],
    [
      "version https://git-lfs.github.com/spec/v1",
      'it is a pointer of Git LFS, not the file itself; run "git lfs pull"',
    ],
    ["<!DOCTYPE html>", "it is a page of HTML or XML, not weights"],
    ["\x80\x04\x95\x10\0\0\0\x01", "it is a bare pickle"],
    ["", "its 0 bytes are too few for a safetensors file"],
  ])("weights that are something else: %j", async (content, message) => {
    const error = await failure(
      openWeightsOf({ files: { "model.safetensors": Uint8Array.from(content, (c) => c.charCodeAt(0)) } }),
    );
    expect(error).toBeInstanceOf(SyntaxError);
    expect(error.message).toContain(`Cannot read "model.safetensors": ${message}`);
  });

  test("a header length of a safetensors file that looks like another format", async () => {
    const longer = writeSafetensors(
      { x: { dtype: "u8", shape: [0], data: new Uint8Array(0) } },
      { pad: "x".repeat(46) },
    );
    expect(longer[0]).toBe(0x80);
    expect((await openWeightsOf({ files: { "model.safetensors": longer } })).tensors.size).toBe(1);
  });
});

test("chunks of a file share the buffer they are read into", async () => {
  const weights = await openWeightsOf(join(golden, "mamba-sharded"));
  const buffer = new Uint8Array(1000);
  const pieces: Uint8Array[] = [];
  for await (const chunk of weights.chunks("backbone.embeddings.weight", { buffer })) {
    expect(chunk.buffer).toBe(buffer.buffer);
    pieces.push(chunk.slice());
  }
  expect(await digest(Buffer.concat(pieces))).toBe(expected["mamba-sharded"]["backbone.embeddings.weight"].sha256);
  await weights.close();
});

test("a file that shrinks while it is read is an error, not zeros", async () => {
  const folder = await folderOf({});
  await copyFile(join(golden, "mamba-sharded/model-00001-of-00003.safetensors"), join(folder, "model.safetensors"));
  const weights = await openWeightsOf(folder);
  await writeFile(join(folder, "model.safetensors"), "short");
  await expect(weights.read([...weights.tensors.keys()][0])).rejects.toThrow(
    /it ends at byte \d+, it had 104488 when opened/,
  );
  await weights.close();
});
