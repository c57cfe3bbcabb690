import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { modelFolder, temporaryFolder } from "../testing/folder.ts";
import { invoke } from "../testing/invoke.ts";

test("writes a folder that generates what the source does in that dtype", async () => {
  const destination = join(temporaryFolder(), "q8");
  const outcome = await invoke([
    "convert",
    "@elapid/stories",
    destination,
    "--dtype",
    "q8",
    "--threads",
    "1",
    "--json",
  ]);
  expect(outcome).toEqual({
    exitCode: 0,
    stdout: `${JSON.stringify({ source: "@elapid/stories", destination, dtype: "q8" })}\n`,
    stderr: "",
  });
  const generate = ["generate", "Once upon a time", "--device", "wasm", "--temperature", "0", "--max-tokens", "16"];
  const converted = await invoke([...generate, "--model", destination]);
  expect(converted.stdout).toBe((await invoke([...generate, "--dtype", "q8"])).stdout);
  expect(converted.stderr).toContain(", q8:");
});

test("writes GGUF where the destination ends in .gguf", async () => {
  const destination = join(temporaryFolder(), "stories.gguf");
  expect(await invoke(["convert", modelFolder(), destination, "--dtype", "f16"])).toEqual({
    exitCode: 0,
    stdout: "",
    stderr: "",
  });
  expect(readFileSync(destination).toString("latin1", 0, 4)).toBe("GGUF");
});

test("refuses what is there, and takes it with --force", async () => {
  const folder = modelFolder();
  const refused = await invoke(["convert", "@elapid/stories", folder, "--dtype", "f16"]);
  expect(refused).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `elapid: Cannot write "${folder}": it exists; --force, or the option force, replaces it\n`,
  });
  expect((await invoke(["convert", folder, folder, "--dtype", "q4", "--force"])).exitCode).toBe(0);
  expect(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")).quantization_config.dtype).toBe("q4");
});

test.each([
  [["convert", "@elapid/stories", "out"], "--dtype is missing; it is one of f32, f16, bf16, q8, q4"],
  [["convert", "@elapid/stories", "out", "--dtype", "q5"], "it is one of f32, f16, bf16, q8, q4"],
  [["convert", "@elapid/stories", "--dtype", "q4"], "missing required argument 'destination'"],
])("wrong usage says what is needed: %j", async (args, message) => {
  const { exitCode, stderr } = await invoke(args);
  expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(message) });
});

test("a source that is not there, or an interruption, leaves nothing", async () => {
  const folder = temporaryFolder();
  const destination = join(folder, "out");
  const missing = await invoke(["convert", join(folder, "nothing"), destination, "--dtype", "q8"]);
  expect(missing).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: expect.stringContaining("there is no such folder or file"),
  });
  const signal = AbortSignal.abort();
  expect((await invoke(["convert", "@elapid/stories", destination, "--dtype", "q8"], { signal })).exitCode).toBe(130);
  expect(existsSync(destination)).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
});
