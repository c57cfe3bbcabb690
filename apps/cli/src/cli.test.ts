import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { invoke, outcomeOf, start } from "./testing/invoke.ts";

test("lists the commands with their summaries", async () => {
  const { exitCode, stdout, stderr } = await invoke(["--help"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  for (const name of ["generate", "score", "inspect", "train", "tokenize", "doctor"])
    expect(stdout).toMatch(new RegExp(`^ +${name} +\\w`, "m"));
});

test("prints its version", async () => {
  expect(await invoke(["--version"])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/),
  });
});

test.each([
  [[], /Usage: elapid/],
  [["genrate"], /unknown command 'genrate'.*generate/],
  [["generate", "--tempreature", "1"], /unknown option '--tempreature'.*--temperature/],
  [["generate", "--temperature", "warm"], /'--temperature <t>'.*'warm'.*a number is needed/],
  [["generate", "--temperature", "-1"], /"temperature" is -1 but a number from 0 to 1000/],
  [["generate", "--top-p", "2"], /"topP" is 2 but a number above 0 and at most 1/],
  [["generate", "--top-k", "1.5"], /"topK" is 1.5 but a whole number/],
  [["generate", "--stop", ""], /"stop"/],
  [["generate", "--threads", "0"], /a whole number of at least 1/],
  [["generate", "--device", "gpu"], /one of auto, webgpu, wasm, host/],
  [["generate", "--batch"], /--batch needs prompts/],
  [["generate", "a", "-"], /operands, standard input or --prompt-file/],
  [["generate", "a", "--prompt-file", "b"], /operands, standard input or --prompt-file/],
  [["score"], /nothing to work on; give one of --ids, --text/],
  [["score", "--ids", "1", "--text", "b"], /too much to work on/],
  [["score", "--ids", "1 x"], /"x" is no token id/],
  [["tokenize"], /nothing to work on; give one of --text, --file, --ids/],
  [["inspect"], /missing required argument 'model'/],
  [["inspect", "a", "b"], /too many arguments/],
])("wrong usage %j exits with 2 and says why", async (args, message) => {
  const { exitCode, stdout, stderr } = await invoke(args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toMatch(message);
  if (args.length > 0) expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("says in one line what failed, and with --verbose where", async () => {
  const args = ["inspect", "/nowhere/model"];
  const brief = await invoke(args);
  expect(brief).toMatchObject({
    exitCode: 1,
    stdout: "",
    stderr: expect.stringMatching(/^elapid: Cannot open "\/nowhere\/model": .*\n$/),
  });
  const verbose = await invoke([...args, "--verbose"]);
  expect(verbose.stderr).toMatch(/Cannot open "\/nowhere\/model": .*\n +at /);
});

test("runs as a program", async () => {
  expect(await outcomeOf(start(["tokenize", "--text", "Once upon"]))).toEqual({
    exitCode: 0,
    stdout: "433\tOnce\n443\tĠupon\n",
    stderr: "",
  });
});

test("ends quietly when nobody reads its output any more", async () => {
  const program = start(["generate", "Once upon a time", "--device", "host", "--seed", "1", "--max-tokens", "200"]);
  await once(program.stdout, "data");
  program.stdout.destroy();
  const [stderr, [exitCode]] = await Promise.all([text(program.stderr), once(program, "close")]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
});
