import { join } from "node:path";
import { languageModel, languageModelConfig, saveModel } from "@elapid/models";
import { seeded } from "@elapid/nn";
import { openDevice } from "elapid";
import { expect, test } from "vitest";
import { changedConfig, modelFolder, temporaryFolder } from "../testing/folder.ts";
import { invoke } from "../testing/invoke.ts";

test("describes the embedded model", async () => {
  const { exitCode, stdout, stderr } = await invoke(["inspect", "@elapid/stories", "--json"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  // 4 layers of 384 channels: 16 states and 3 inputs of the convolution, 4 bytes each
  expect(JSON.parse(stdout)).toMatchObject({
    name: "@elapid/stories",
    modelType: "mamba",
    parameterCount: 1_400_256,
    tensorCount: 42,
    stateBytes: 4 * 384 * (16 + 3) * 4,
    stateBytesPerToken: 0,
    memoryBytes: { f32: 4 * 1_400_256 },
  });
});

test("counts what the headers say, whatever the stored type", async () => {
  const { storedBytes, memoryBytes } = JSON.parse((await invoke(["inspect", modelFolder(), "--json"])).stdout);
  // the matrices are stored as float16 and the rest as float32, which is also what "f16" would keep in memory
  expect(storedBytes.f16 + storedBytes.f32).toBe(memoryBytes.f16);
});

test("prints a table for people", async () => {
  const { stdout } = await invoke(["inspect", "@elapid/stories"]);
  expect(stdout).toMatch(/^parameters +1,400,256$/m);
  expect(stdout).toMatch(/^state +114\.0 KiB a sequence$/m);
});

test("says how the state of a hybrid grows", async () => {
  using device = await openDevice("host");
  const config = {
    vocabSize: 20,
    dModel: 16,
    blocks: ["mamba", { kind: "attention", nHeads: 4, nKvHeads: 2 }],
  } as const;
  const folder = join(temporaryFolder(), "model");
  await saveModel(folder, languageModel(config, seeded(device, 1)), languageModelConfig(config));
  const { stateBytes, stateBytesPerToken } = JSON.parse((await invoke(["inspect", folder, "--json"])).stdout);
  // a key, a value and a mark a token; at the start two numbers, and the states of 32 channels of Mamba
  expect(stateBytesPerToken).toBe(4 * (2 * 2 * 4 + 1));
  expect(stateBytes).toBe(32 * (16 + 3) * 4 + stateBytesPerToken + 8);
  expect((await invoke(["inspect", folder])).stdout).toMatch(
    /^state +2\.4 KiB a sequence, and 68 B with each further token$/m,
  );
});

test("refuses an architecture that it does not know, listing those it knows", async () => {
  const folder = modelFolder({ "config.json": changedConfig({ model_type: "transformer" }) });
  const { exitCode, stderr } = await invoke(["inspect", folder]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: expect.stringMatching(/"transformer" is unknown; known are "mamba"/),
  });
});
