import { expect, test } from "vitest";
import { invoke } from "../testing/invoke.ts";

test("reports the machine, and that its devices agree with the host", async () => {
  const { exitCode, stdout } = await invoke(["doctor", "--json"]);
  expect(exitCode).toBe(0);
  const { runtime, cores, memory, devices, auto, webgpu } = JSON.parse(stdout);
  expect(runtime).toMatch(/^Node \d+/);
  expect(cores).toBeGreaterThan(0);
  expect(memory.free).toBeLessThanOrEqual(memory.total);
  expect(webgpu.reason).toMatch(/WebGPU/);
  expect(devices.map(({ kind }: { kind: string }) => kind)).toEqual(["host", "wasm", "webgpu"]);
  expect(devices[1]).toMatchObject({ status: "right", error: expect.any(Number) });
  expect(devices[2].status).toMatch(/^(right|unavailable)$/);
  expect(auto).toMatchObject({
    kind: expect.stringMatching(/^(wasm|webgpu)$/),
    reason: expect.stringMatching(/WebGPU/),
  });
});

test("prints a table for people", async () => {
  const { stdout } = await invoke(["doctor"]);
  for (const row of ["elapid", "runtime", "cores", "memory", "host", "wasm", "webgpu", "auto"])
    expect(stdout).toMatch(new RegExp(`^${row} +\\S`, "m"));
});
