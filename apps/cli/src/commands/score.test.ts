import { openSafetensors, openFile } from "@elapid/loaders";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../testing/folder.ts";
import { invoke } from "../testing/invoke.ts";

const onWasm = ["score", "--device", "wasm", "--threads", "1", "--json"];
const IDS = "0 433 443 259 403 12 407 283 259 398 480 418 1492 14";
const TEXT = "Once upon a time, there was a little girl named Daisy.";

test("scores ids: every token but the first", async () => {
  const { exitCode, stdout } = await invoke([...onWasm, "--ids", IDS]);
  const { tokens, nll, perplexity, bytes, bitsPerByte } = JSON.parse(stdout);
  expect({ exitCode, tokens, bytes }).toEqual({ exitCode: 0, tokens: 13, bytes: TEXT.length });
  expect(perplexity).toBeCloseTo(Math.exp(nll / 13), 10);
  expect(bitsPerByte).toBeCloseTo(nll / Math.LN2 / TEXT.length, 10);
});

test("scores a text as its tokens after the one that begins a text", async () => {
  const file = join(temporaryFolder(), "story.txt");
  writeFileSync(file, TEXT);
  const ofIds = JSON.parse((await invoke([...onWasm, "--ids", IDS])).stdout);
  expect(JSON.parse((await invoke([...onWasm, "--text", file])).stdout)).toEqual(ofIds);
  expect(JSON.parse((await invoke([...onWasm, "--text", "-"], { input: TEXT })).stdout)).toEqual(ofIds);
});

test("agrees with PyTorch on a whole story, but for the rounding of the weights", async () => {
  const golden = new URL("../../../../golden/stories/expected.json", import.meta.url);
  const { text, ids, nll } = JSON.parse(readFileSync(golden, "utf8")).first_document;
  const score = JSON.parse((await invoke([...onWasm, "--text", "-"], { input: text })).stdout);
  expect(score.tokens).toBe(ids.length - 1);
  expect(Math.abs(score.nll - nll)).toBeLessThan(0.01);
});

test("saves logits that give the same score", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "logits.safetensors");
  const { nll } = JSON.parse((await invoke([...onWasm, "--ids", IDS, "--save-logits", file])).stdout);
  expect(readdirSync(folder)).toEqual(["logits.safetensors"]);

  const weights = await openSafetensors(await openFile(file));
  expect(weights.tensors.get("logits")).toMatchObject({ dtype: "f32", shape: [14, 2048] });
  const bytes = await weights.read("logits");
  const logits = new Float32Array(bytes.slice().buffer);
  await weights.close();
  const ids = IDS.split(" ").map(Number);
  let sum = 0;
  for (let t = 0; t + 1 < ids.length; t++) {
    const row = logits.subarray(t * 2048, (t + 1) * 2048);
    sum += Math.log(row.reduce((total, logit) => total + Math.exp(logit), 0)) - row[ids[t + 1]];
  }
  expect(sum).toBeCloseTo(nll, 3);
});

test("says nothing of the perplexity of a single token", async () => {
  const { exitCode, stdout } = await invoke([...onWasm, "--ids", "5"]);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ tokens: 0, nll: 0, perplexity: null, bitsPerByte: null });
});

test("refuses an id outside the vocabulary, and leaves no file", async () => {
  const folder = temporaryFolder();
  const { exitCode, stderr } = await invoke([
    ...onWasm,
    "--ids",
    "1 2048",
    "--save-logits",
    join(folder, "logits.safetensors"),
  ]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: expect.stringMatching(/token 1 is 2048 .* from 0 to 2047/),
  });
  expect(readdirSync(folder)).toEqual([]);
});

test("names the file that it cannot write", async () => {
  const { exitCode, stderr } = await invoke([
    ...onWasm,
    "--ids",
    "1 2",
    "--save-logits",
    "/nowhere/logits.safetensors",
  ]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: expect.stringMatching(/Cannot write "\/nowhere\/logits.safetensors"/),
  });
});
