import { expect, test } from "vitest";
import { changedConfig, modelFolder } from "../testing/folder.ts";
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

test("refuses an architecture that it does not know, listing those it knows", async () => {
  const folder = modelFolder({ "config.json": changedConfig({ model_type: "transformer" }) });
  const { exitCode, stderr } = await invoke(["inspect", folder]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: expect.stringMatching(/"transformer" is unknown; known are "mamba"/),
  });
});
