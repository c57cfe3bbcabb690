import { load } from "elapid";
import { openFile, openWeights } from "@elapid/loaders";
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { temporaryFolder } from "../testing/folder.ts";
import { invoke, outcomeOf, start } from "../testing/invoke.ts";

const stories = Array.from(
  { length: 120 },
  (_, i) =>
    `${["Tom", "Mia", "Sam"][i % 3]} ${["saw", "hid"][i % 2]} ${["a cat", "the cake", "a ball"][(i >> 2) % 3]}.`,
);

/** A folder with data, and the arguments of a short run on it. */
function prepare(steps = 6) {
  const folder = temporaryFolder();
  const data = join(folder, "stories.txt.gz");
  writeFileSync(data, gzipSync(stories.join("<|endoftext|>")));
  const out = join(folder, "model");
  const sizes = [
    "--d-model",
    "16",
    "--layers",
    "1",
    "--d-state",
    "4",
    "--batch",
    "2",
    "--time",
    "16",
    "--vocab",
    "280",
  ];
  const settings = ["--data", data, ...sizes, "--steps", String(steps), "--warmup", "2", "--eval-every", "2"];
  const train = ["train", "--device", "host", "--out", out];
  return { folder, data, out, settings, train, args: [...train, ...settings] };
}

const jsonLines = (path: string) =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
const contents = (out: string) =>
  ["model.safetensors", "training/checkpoint.safetensors"].map((name) => readFileSync(join(out, name)));

test.each(["mamba", "mamba2"])("trains a %s that loads and writes", async (kind) => {
  const { folder, out, args } = prepare();
  const log = join(folder, "log.jsonl");
  const outcome = await invoke([...args, "--kind", kind, "--lr", "0.02", "--log", log, "--json"]);
  expect(outcome).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/step 6: loss .* bits per byte\n$/) });
  const { best, steps } = JSON.parse(outcome.stdout);
  expect(steps).toBe(6);
  const lines = jsonLines(log);
  expect(lines.map(({ step }) => step)).toEqual([1, 2, 2, 3, 4, 4, 5, 6, 6]);
  expect(lines.at(-1)).toEqual({ step: 6, evaluation: { loss: best.loss, bitsPerByte: best.bitsPerByte } });
  expect(best.loss).toBeLessThan(lines[2].evaluation.loss);
  using lm = await load(out, { device: "host" });
  expect(lm).toMatchObject({ modelType: kind, bosId: 0, advised: { temperature: 0.8 } });
  let text = "";
  for await (const piece of lm.generate("Tom", { maxTokens: 4, seed: 1 })) text += piece;
  expect(text).not.toBe("");
});

test("trains a model of blocks, from the command line and from a file", async () => {
  const { folder, data, out, train } = prepare();
  const common = ["--data", data, "--d-model", "16", "--time", "16", "--batch", "2", "--tokenizer", "bytes"];
  const run = [...common, "--steps", "6", "--warmup", "2", "--eval-every", "2", "--lr", "0.02"];
  const blocks = ["--blocks", "mamba*2,attention", "--d-intermediate", "24", "--positions", "learned"];
  const { stdout } = await invoke([...train, ...run, ...blocks, "--json"]);
  expect(JSON.parse(stdout).best.loss).toBeLessThan(5.5);
  using lm = await load(out, { device: "host" });
  expect(lm.config).toMatchObject({
    model_type: "elapid",
    blocks: ["mamba", "mamba", "attention"],
    d_intermediate: 24,
    max_position_embeddings: 16,
  });
  let text = "";
  for await (const piece of lm.generate("Tom", { maxTokens: 4, seed: 1 })) text += piece;
  expect(text).not.toBe("");

  const config = join(folder, "config.json");
  const settings = { data, dModel: 16, time: 16, batch: 2, steps: 1, tokenizer: "bytes", pack: "joined" };
  const listed = [{ kind: "attention", nHeads: 2, dIntermediate: 8 }, "s4d", "gru"];
  writeFileSync(config, JSON.stringify({ ...settings, blocks: listed }));
  const other = ["train", "--device", "host", "--out", join(folder, "other")];
  expect(await invoke([...other, "--config", config])).toMatchObject({ exitCode: 0 });
  const written = JSON.parse(readFileSync(join(folder, "other/config.json"), "utf8"));
  expect(written.blocks).toEqual([{ kind: "attention", n_heads: 2, d_intermediate: 8 }, "s4d", "gru"]);

  const third = ["train", "--device", "host", "--out", join(folder, "third"), ...common];
  for (const [given, exitCode, message] of [
    [[...third, "--blocks", "mamba,lstm"], 2, '"lstm" is none of mamba, mamba2, mamba3, attention, s4d, rnn, gru'],
    [[...third, "--blocks", "mamba", "--layers", "2"], 2, "layers does not go with blocks"],
    [[...third, "--positions", "learned"], 2, "positions does not go without blocks"],
    [[...third, "--blocks", "s4d"], 2, "give --pack joined"],
  ] as const) {
    expect(await invoke(given)).toMatchObject({ exitCode, stderr: expect.stringContaining(message) });
  }
});

test("projections out of mixers begin scaled by depth, which config.json keeps to itself", async () => {
  const { out, args } = prepare(1);
  await invoke([...args, "--layers", "4", "--lr", "0"]);
  const config = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
  // transformers 5 would scale what it loads once more
  expect(config).toMatchObject({ num_hidden_layers: 4, rescale_prenorm_residual: false });
  using lm = await load(out, { device: "host" });
  const bound = 32 ** -0.5 / 2; // of 32 inputs, 4 layers
  for (const [path, tensor] of lm.model.parameters()) {
    if (!path.endsWith("outProj.weight")) continue;
    const peak = Math.max(...Array.from(await tensor.data(), Math.abs));
    expect(peak).toBeGreaterThan(0.9 * bound);
    expect(peak).toBeLessThanOrEqual(bound);
  }
});

test("bits per byte are those of elapid score", async () => {
  const { out, args } = prepare();
  // one window holds all that is held out
  const outcome = await invoke([
    ...args,
    "--tokenizer",
    "bytes",
    "--pack",
    "joined",
    "--eval-split",
    "0.06",
    "--time",
    "100",
    "--json",
  ]);
  const { best } = JSON.parse(outcome.stdout);
  const bytes = Buffer.from(stories.map((story) => `\0${story}`).join(""));
  const held = bytes.subarray(bytes.length - Math.floor(bytes.length * 0.06));
  const windows = Math.floor((held.length - 1) / 100);
  using lm = await load(out, { device: "host" });
  let nll = 0;
  let length = 0;
  for (let i = 0; i < windows; i++) {
    const window = held.subarray(100 * i, 100 * i + 101);
    const ids = [...window].map((byte) => (byte === 0 ? 0 : lm.tokenizer!.encode(String.fromCharCode(byte))[0]));
    nll += (await lm.score(ids)).nll;
    length += window.subarray(1).filter((byte) => byte !== 0).length;
  }
  expect(windows).toBeGreaterThan(0);
  expect(best.bitsPerByte).toBeCloseTo(nll / Math.LN2 / length, 5);
});

test("Ctrl-C keeps a checkpoint, and --resume goes on bit for bit", async () => {
  const straight = prepare();
  await invoke(straight.args);

  const { folder, out, args, train } = prepare();
  const log = join(folder, "log.jsonl");
  const child = start([...args, "--log", log]);
  child.stderr.on("data", (text) => String(text).includes("step 2:") && child.kill("SIGINT"));
  const outcome = await outcomeOf(child);
  expect(outcome).toMatchObject({ exitCode: 130, stdout: "" });
  expect(outcome.stderr).toMatch(/stopped after step [2-6]; go on with elapid train --resume --out/);
  expect(await invoke([...train, "--resume", "--log", log])).toMatchObject({ exitCode: 0 });
  expect(contents(out)).toEqual(contents(straight.out));
  expect(jsonLines(log).map(({ step }) => step)).toEqual([1, 2, 2, 3, 4, 4, 5, 6, 6]);
});

test.each([
  ["adamw", "--ema", "0.5"],
  ["muon", "--carry", "on"],
  ["lion", "--ema", "0.9", "--carry", "on", "--pack", "joined"],
  ["sgd", "--accumulate", "2", "--carry", "on"],
])("%s with %s %s learns, and goes on bit for bit", async (optimiser, ...extra) => {
  const given = ["--optimiser", optimiser, ...extra, "--lr", optimiser === "sgd" ? "0.1" : "0.01"];
  const straight = prepare(8);
  await invoke([...straight.args, ...given, "--save-every", "3"]);
  const { out, args, train } = prepare(8);
  const child = start([...args, ...given, "--save-every", "3"]);
  child.stderr.on("data", (text) => String(text).includes("step 4:") && child.kill("SIGKILL"));
  expect(await outcomeOf(child)).toMatchObject({ exitCode: null });
  const { stdout } = await invoke([...train, "--resume", "--json"]);
  expect(JSON.parse(stdout).best.loss).toBeLessThan(Math.log(280) - 0.005);
  expect(contents(out)).toEqual(contents(straight.out));
});

test("the model of a run with averages is their last, not the last step", async () => {
  const [plain, averaged] = [prepare(4), prepare(4)];
  await invoke([...plain.args, "--eval-split", "0"]);
  await invoke([...averaged.args, "--eval-split", "0", "--ema", "0.5"]);
  const name = "backbone.norm_f.weight";
  const read = async (file: string, tensor: string) => {
    const weights = await openWeights(await openFile(file));
    const values = new Float32Array((await weights.read(tensor)).slice().buffer);
    await weights.close();
    return [...values];
  };
  const checkpoint = (out: string) => join(out, "training/checkpoint.safetensors");
  const last = await read(checkpoint(plain.out), "model.backbone.normF.weight");
  expect(await read(checkpoint(averaged.out), "model.backbone.normF.weight")).toEqual(last);
  expect(await read(join(plain.out, "model.safetensors"), name)).toEqual(last);
  const average = await read(checkpoint(averaged.out), "ema.backbone.normF.weight");
  expect(await read(join(averaged.out, "model.safetensors"), name)).toEqual(average);
  expect(average).not.toEqual(last);
});

test("a run that was killed goes on from its last checkpoint, bit for bit", async () => {
  const straight = prepare();
  await invoke([...straight.args, "--save-every", "1"]);
  const { out, args, train } = prepare();
  const child = start([...args, "--save-every", "1"]);
  child.stderr.on("data", (text) => String(text).includes("step 4:") && child.kill("SIGKILL"));
  expect(await outcomeOf(child)).toMatchObject({ exitCode: null });
  expect(await invoke([...train, "--resume"])).toMatchObject({ exitCode: 0 });
  expect(contents(out)).toEqual(contents(straight.out));
});

test("a second signal ends the process at once, and leaves no part of a file", async () => {
  const { out, args, train } = prepare(100_000);
  const child = start([...args, "--save-every", "1"]);
  child.stderr.on("data", (text) => {
    if (!String(text).includes("step 4:")) return;
    child.kill("SIGINT");
    child.kill("SIGTERM");
  });
  const { exitCode } = await outcomeOf(child);
  expect([130, 143]).toContain(exitCode); // 130 if all was saved before the second came
  expect(readdirSync(join(out, "training")).toSorted()).toEqual(["checkpoint.safetensors", "settings.json"]);
  expect(readdirSync(out).filter((name) => name.endsWith(".partial"))).toEqual([]);
  const resumed = start([...train, "--resume"]);
  resumed.stderr.on("data", (text) => String(text).includes("from step") && resumed.kill("SIGINT"));
  expect(await outcomeOf(resumed)).toMatchObject({ exitCode: 130 });
});

test("a folder that cannot be made is named at once", async () => {
  const { data, folder } = prepare();
  writeFileSync(join(folder, "file"), "");
  for (const [out, reason] of [
    ["/proc/none/here", "ENOENT"], // below /proc nothing can be made, and a recursive mkdir of Node never ends
    [join(folder, "file"), "ENOTDIR"],
    [join(folder, "file/below"), "ENOTDIR"],
  ]) {
    const outcome = await invoke(["train", "--device", "host", "--data", data, "--out", out]);
    expect(outcome).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(`Cannot train into "${out}": ${reason}`),
    });
  }
});

test("a line of the log that a run was killed in is written again", async () => {
  const { folder, args, train } = prepare(4);
  const log = join(folder, "log.jsonl");
  await invoke([...args, "--log", log, "--save-every", "4"]);
  writeFileSync(log, `${readFileSync(log, "utf8")}{"step": 5, "lo`);
  expect(await invoke([...train, "--resume", "--log", log])).toMatchObject({ exitCode: 0 });
  expect(jsonLines(log).map(({ step }) => step)).toEqual([1, 2, 2, 3, 4, 4]);
});

test("a disk that fills up under the log is named, and a run that came to nothing is begun anew", async () => {
  const { args } = prepare(2);
  const outcome = await invoke([...args, "--log", "/dev/full"]);
  expect(outcome).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Cannot write "/dev/full": ENOSPC') });
  expect(await invoke(args)).toMatchObject({ exitCode: 0 });
});

test("settings come from a file, options go before it", async () => {
  const { folder, data, out, train } = prepare();
  const config = join(folder, "config.json");
  writeFileSync(
    config,
    JSON.stringify({ data, dModel: 16, layers: 1, batch: 2, time: 16, steps: 3, tokenizer: "bytes" }),
  );
  await invoke([...train, "--config", config, "--steps", "2"]);
  const settings = JSON.parse(readFileSync(join(out, "training/settings.json"), "utf8"));
  expect(settings).toMatchObject({ data: [data], dModel: 16, steps: 2, tokenizer: "bytes", lr: 0.003 });
  for (const [json, message] of [
    [{ layres: 2 }, 'there is no setting "layres"'],
    [{ layers: 0 }, '"layers" is 0: a whole number of at least 1 is needed'],
    [{ layers: "2" }, '"layers" is a string'],
    [{ kind: "lstm" }, '"kind" is "lstm": it is one of mamba, mamba2'],
    [[], "an object was needed"],
  ] as const) {
    writeFileSync(config, JSON.stringify(json));
    const { exitCode, stderr } = await invoke([...train, "--config", config]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(message) });
  }
});

test("minutes settle the number of steps, early stopping ends them", async () => {
  const timed = prepare();
  const sizes = timed.args.filter((_, i) => !["--steps", "6"].includes(timed.args[i]));
  const outcome = await invoke([...sizes, "--minutes", "0", "--eval-every", "100", "--json"]);
  expect(JSON.parse(outcome.stdout)).toMatchObject({ steps: 6, best: { step: 6 } });

  const { args } = prepare(60);
  const stopped = await invoke([...args, "--lr", "0", "--patience", "2", "--json"]);
  expect(JSON.parse(stopped.stdout)).toMatchObject({ steps: 6, best: { step: 2 } });
});

test("another tokenizer is taken as it is", async () => {
  const first = prepare(1);
  await invoke(first.args);
  const { out, args } = prepare(1);
  await invoke([...args, "--tokenizer", first.out]);
  expect(JSON.parse(readFileSync(join(out, "tokenizer.json"), "utf8"))).toEqual(
    JSON.parse(readFileSync(join(first.out, "tokenizer.json"), "utf8")),
  );
});

test("recomputation gives the same model", async () => {
  const [kept, again] = [prepare(2), prepare(2)];
  await invoke(kept.args);
  await invoke([...again.args, "--recompute", "on"]);
  expect(contents(again.out)).toEqual(contents(kept.out));
});

test("a learning rate that diverges leaves the checkpoint of before", async () => {
  const { out, args } = prepare();
  const outcome = await invoke([...args, "--lr", "1e38", "--clip-norm", "1e38", "--warmup", "0", "--save-every", "1"]);
  expect(outcome).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/Cannot take a step: .*its last good/) });
  const checkpoint = readFileSync(join(out, "training/checkpoint.safetensors"));
  expect(checkpoint.byteLength).toBeGreaterThan(1000);
});

test("a full disk is named, and what was there stays", async () => {
  const { out, args, train } = prepare(2);
  await invoke(args);
  const before = contents(out);
  const settings = join(out, "training/settings.json");
  writeFileSync(settings, readFileSync(settings, "utf8").replace('"steps": 2', '"steps": 4'));
  // a device that has no room for anything stands where the next checkpoint is written
  symlinkSync("/dev/full", join(out, "training/checkpoint.safetensors.partial"));
  const full = await invoke([...train, "--resume"]);
  expect(full).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/Cannot write .*checkpoint.*ENOSPC/) });
  expect(contents(out)[1]).toEqual(before[1]);
});

test("names what does not fit, and leaves what is there", async () => {
  const { folder, data, out, args, train, settings } = prepare(1);
  const empty = join(folder, "empty.txt");
  writeFileSync(empty, "");
  const binary = join(folder, "binary.txt");
  writeFileSync(binary, Uint8Array.of(0xff, 0xfe, 0, 1));
  const other = (...extra: string[]) => ["train", "--device", "host", "--out", join(folder, "other"), ...extra];
  await invoke(args);
  const before = contents(out);
  for (const [given, exitCode, message] of [
    [["train"], 2, "--out is missing"],
    [["train", "--out", ""], 2, "--out is missing"],
    [train, 2, "nothing to learn from; give --data"],
    [[...args, "--ema", "1"], 2, "--ema is 1 but a share below 1 is needed"],
    [[...args, "--optimiser", "adam"], 2, "adamw, muon, lion, sgd"],
    [other("--data", data, "--carry", "on", "--blocks", "attention"), 2, "give --carry off"],
    [[...args, "--minutes", "1"], 2, "give --steps or --minutes, not both"],
    [[...train, "--resume", "--lr", "1"], 2, "leave out lr"],
    [args, 1, "there is a model already; give --resume, or another --out"],
    [other("--resume"), 1, "Cannot resume in"],
    [other("--data", join(folder, "none.txt")), 1, "none.txt"],
    [other("--data", empty), 1, "there is no text"],
    [other("--data", binary), 1, "it is not UTF-8 text"],
    [other("--data", data, "--time", "100000"), 1, "a sequence of 100000 does not fit"],
    [other("--data", data, "--tokenizer", folder), 1, "Cannot read tokenizer"],
    [other(...settings, "--kind", "mamba2", "--head-dim", "5"), 2, "--head-dim is 5 but a divisor of"],
  ] as const) {
    const outcome = await invoke(given);
    expect({ ...outcome, given }).toMatchObject({ exitCode, stderr: expect.stringContaining(message) });
  }
  const saved = join(out, "training/settings.json");
  writeFileSync(saved, readFileSync(saved, "utf8").replace('"layers": 1', '"layers": 2'));
  expect(await invoke([...train, "--resume"])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("missing"),
  });
  writeFileSync(saved, readFileSync(saved, "utf8").replace('"layers": 2', '"layers": 1'));
  const whole = readFileSync(saved, "utf8");
  for (const [content, message] of [
    ["{", "Cannot resume in"],
    ["null", 'settings.json has no "data"'],
    ['{"data": []}', 'settings.json has no "dState"'],
  ] as const) {
    writeFileSync(saved, content);
    const outcome = await invoke([...train, "--resume"]);
    expect(outcome).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(message) });
  }
  writeFileSync(saved, whole);
  writeFileSync(data, gzipSync(stories.toReversed().join("<|endoftext|>")));
  expect(await invoke([...train, "--resume"])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("changed since it was saved"),
  });
  expect(contents(out)).toEqual(before);
  expect(existsSync(join(folder, "other/model.safetensors"))).toBe(false);
});
