import { stories } from "@elapid/stories";
import { createServer } from "node:http";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { changedConfig, modelFolder, temporaryFolder } from "../testing/folder.ts";
import { invoke, outcomeOf, start } from "../testing/invoke.ts";

const onWasm = ["generate", "--device", "wasm", "--threads", "1"];
const greedy = [...onWasm, "--temperature", "0", "--max-tokens", "24"];
// the first 24 tokens that PyTorch writes, greedily, from the float32 weights
const story =
  "Once upon a time, there was a little girl named Lily. She loved to play with her toys and make new friends. One day,";

test("continues a prompt, and says on standard error what it ran on and how fast", async () => {
  const { exitCode, stdout, stderr } = await invoke([...greedy, "Once upon a time"]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${story}\n` });
  expect(stderr).toMatch(/^wasm: .*, 1 thread \(asked for\), f32: \d+ tokens\/s, prompt \d+ tokens\/s, seed \d+\n$/);
});

test("takes the words of an unquoted prompt together", async () => {
  expect((await invoke([...greedy, "Once", "upon", "a", "time"])).stdout).toBe(`${story}\n`);
});

test("reads the prompt from standard input or a file, without its last newline", async () => {
  const file = join(temporaryFolder(), "prompt.txt");
  writeFileSync(file, "Once upon a time\n");
  expect((await invoke([...greedy, "-"], { input: "Once upon a time\n" })).stdout).toBe(`${story}\n`);
  expect((await invoke([...greedy, "--prompt-file", file])).stdout).toBe(`${story}\n`);
});

test("prints one JSON object with --json", async () => {
  const { stdout } = await invoke([...greedy, "--json", "Once upon a time"]);
  expect(JSON.parse(stdout)).toMatchObject({
    model: "@elapid/stories",
    device: { kind: "wasm", reason: "asked for", dtype: "f32" },
    promptTokens: 4,
    tokens: 24,
    results: [{ prompt: "Once upon a time", text: story.slice("Once upon a time".length), tokens: 24 }],
  });
});

test("runs with weights of the dtype asked for", async () => {
  const { stdout } = await invoke([...greedy, "--dtype", "q8", "--json", "Once upon a time"]);
  expect(JSON.parse(stdout)).toMatchObject({ device: { dtype: "q8" }, tokens: 24 });
});

test("writes the same text for the same seed, alone and in a batch", async () => {
  const sampled = [...onWasm, "--seed", "7", "--max-tokens", "20", "--json"];
  const alone = JSON.parse((await invoke([...sampled, "The dog"])).stdout);
  const batch = JSON.parse((await invoke([...sampled, "--batch", "A cat", "The dog", "One day"])).stdout);
  expect(batch.results).toHaveLength(3);
  expect(batch.results[1]).toEqual(alone.results[0]);
  expect(batch.results[0].text).not.toBe(batch.results[1].text);
});

test("takes every line of a file as a prompt with --batch", async () => {
  const { stdout } = await invoke([...greedy, "--batch", "-"], { input: "Once upon a time\n\nOnce upon a time\n" });
  expect(stdout).toBe(`${story}\n\n${story}\n`);
});

test("ends before a stop string", async () => {
  const { stdout } = await invoke([
    ...greedy,
    "--no-echo",
    "--stop",
    "Ben",
    "--stop",
    " named Lily",
    "Once upon a time",
  ]);
  expect(stdout).toBe(", there was a little girl\n");
});

test("starts a story of its own from an empty prompt", async () => {
  const { exitCode, stdout } = await invoke([...greedy, ""]);
  expect(exitCode).toBe(0);
  expect(stdout.trim().length).toBeGreaterThan(20);
});

test("reads lone surrogates as U+FFFD", async () => {
  const surrogate = await invoke([...greedy, "--no-echo", "A \ud800 cat"]);
  expect(surrogate.exitCode).toBe(0);
  expect(surrogate.stdout).toBe((await invoke([...greedy, "--no-echo", "A \ufffd cat"])).stdout);
});

test("stops reading a prompt of 1 MB when it is interrupted", async () => {
  const interruption = new AbortController();
  setTimeout(() => interruption.abort(), 1500);
  const input = "The little dog went to the park. ".repeat(31_000);
  expect(await invoke([...onWasm, "-"], { input, signal: interruption.signal })).toMatchObject({ exitCode: 130 });
});

test("keeps the text so far when Ctrl-C ends it", async () => {
  const program = start([
    "generate",
    "Once upon a time",
    "--device",
    "host",
    "--max-tokens",
    "100000",
    "--min-p",
    "0.9",
  ]);
  const outcome = outcomeOf(program);
  await once(program.stdout, "data");
  program.kill("SIGINT");
  const { exitCode, stdout, stderr } = await outcome;
  expect(exitCode).toBe(130);
  expect(stdout).toMatch(/^Once upon a time.*\n$/s);
  expect(stderr).toMatch(/^host: .* tokens\/s, seed \d+\n$/);
});

test("loads a model from a URL", async () => {
  const server = createServer((request, response) => {
    const url = stories.files[(request.url ?? "").replace("/model/", "")];
    if (url === undefined) response.writeHead(404).end();
    else response.end(readFileSync(url));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model`;
  expect((await invoke([...greedy, "--model", url, "Once upon a time"])).stdout).toBe(`${story}\n`);
  server.close();
});

describe("bad input: one line that names the culprit, exit 1", () => {
  const fails = async (args: readonly string[], message: RegExp) => {
    const { exitCode, stdout, stderr } = await invoke([
      "generate",
      "--device",
      "host",
      "--max-tokens",
      "1",
      "A",
      ...args,
    ]);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 1, stdout: "", stderr: expect.stringMatching(message) });
    expect(stderr.trimEnd()).not.toContain("\n");
  };

  test("a missing model", () =>
    fails(["--model", "/nowhere/model"], /"\/nowhere\/model": there is no such folder or file/));
  test("a model of the hub", () =>
    fails(["--model", "state-spaces/mamba-130m-hf"], /"state-spaces\/mamba-130m-hf": .*download it/));
  test("a folder without weights", () =>
    fails(["--model", modelFolder({ "model.safetensors": null })], /looked for model\.safetensors, /));
  test("a folder without config", () => fails(["--model", modelFolder({ "config.json": null })], /no config\.json/));
  test("malformed JSON", () =>
    fails(["--model", modelFolder({ "config.json": "{" })], /config\.json": its JSON is malformed/));
  test("an unknown architecture", () =>
    fails(
      ["--model", modelFolder({ "config.json": changedConfig({ model_type: "mambo" }) })],
      /"mambo" is unknown; known are .*nearest is "mamba"/,
    ));
  test("weights of another shape", () =>
    fails(
      ["--model", modelFolder({ "config.json": changedConfig({ hidden_size: 96, intermediate_size: 384 }) })],
      /shape .* but the config asks for/,
    ));
  test("truncated weights", () =>
    fails(["--model", modelFolder({ "model.safetensors": "\u0008" })], /model\.safetensors"/));
  test("a missing tokenizer", () => fails(["--model", modelFolder({ "tokenizer.json": null })], /no tokenizer\.json/));

  test("a URL that answers 404", async () => {
    const server = createServer((_, response) => response.writeHead(404).end()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model`;
    await fails(["--model", url], new RegExp(`"${url}/?"`));
    server.close();
  });

  test("WebGPU without an adapter", async () => {
    const nowhere = { VK_ICD_FILENAMES: "/nowhere", VK_DRIVER_FILES: "/nowhere" };
    const { exitCode, stderr } = await outcomeOf(start(["generate", "A", "--device", "webgpu"], nowhere));
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/elapid: Cannot open WebGPU: no adapter was found; .*driver.* is needed/);
  });
});

test("refuses a prompt that is no text", async () => {
  const { exitCode, stderr } = await invoke([...greedy, "-"], { input: new Uint8Array([0x41, 0xff]) });
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: "elapid: Cannot read standard input: it is not UTF-8 text\n",
  });
});

test("names a prompt file that is not there", async () => {
  const { exitCode, stderr } = await invoke([...greedy, "--prompt-file", "/nowhere/prompt"]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: 'elapid: Cannot read "/nowhere/prompt": there is no such file\n',
  });
});
