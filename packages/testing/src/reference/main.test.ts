import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";

const golden = join(import.meta.dirname, "../../../../golden");

function reference(...args: string[]) {
  const main = join(import.meta.dirname, "main.ts");
  return spawnSync(process.execPath, ["--conditions=@elapid/source", main, ...args], { encoding: "utf8" });
}

/** The golden cases in a folder of their own, one number of one of them changed. */
function brokenTree(): string {
  const tree = mkdtempSync(join(tmpdir(), "elapid-reference-"));
  onTestFinished(() => rmSync(tree, { recursive: true }));
  cpSync(join(golden, "kernels"), join(tree, "kernels"), { recursive: true });
  const path = join(tree, "kernels/cases.safetensors");
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, start)) as Record<string, { data_offsets: [number, number] }>;
  file.writeFloatLE(1e3, start + header["layer_norm.0/out.y"].data_offsets[0]);
  writeFileSync(path, file);
  return tree;
}

describe("reference", () => {
  test("prints one JSON object that names every case once", () => {
    const { stdout, status } = reference(golden, "--device", "host", "--only", "kernels", "--json");
    expect(status).toBe(0);
    const { device, passed, failed, unsupported } = JSON.parse(stdout) as {
      device: string;
      passed: string[];
      failed: object[];
      unsupported: { id: string; why: string }[];
    };
    expect([device, failed]).toEqual(["host", []]);
    expect(passed).toContain("kernels/selective_scan/split");
    expect(passed).toContain("kernels/layer_norm/0:gradients");
    const { cases } = JSON.parse(readFileSync(join(golden, "kernels/index.json"), "utf8")) as {
      cases: { id: string }[];
    };
    const ids = [...passed, ...unsupported.map(({ id }) => id)];
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(cases.map(({ id }) => `kernels/${id}`)));
  });

  test("prints a table whose last line counts", () => {
    const { stdout, status } = reference(golden, "--device", "host", "--only", "kernels");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^selective_scan +\d+ +0 +\S+ +\S+$/m);
    expect(stdout.trimEnd().split("\n").at(-1)).toMatch(/^\d+ passed, 0 failed$/);
  });

  test("fails, naming case, output and error, where a number differs", () => {
    const tree = brokenTree();
    const { stdout, status } = reference(tree, "--device", "host", "--json");
    expect(status).toBe(1);
    const { failed } = JSON.parse(stdout) as {
      failed: { id: string; what: string; error: number; tolerance: number }[];
    };
    expect(failed).toMatchObject([{ id: "kernels/layer_norm/0", what: "out.y" }]);
    expect(failed[0].error).toBeGreaterThan(failed[0].tolerance);
  });

  test.each([
    [[], /^usage: reference DIR/],
    [["nowhere"], /^Cannot check "nowhere": it is not a folder$/],
    [[join(golden, "kernels")], /it has none of the folders kernels, checkpoints, /],
    [[golden, "--device", "gpu"], /^Cannot check: --device is "gpu" but one of host, wasm, webgpu was needed$/],
    [[golden, "--only", "kernel"], /^Cannot check: --only is "kernel"/],
    [[golden, "--fast"], /'--fast'.*usage: /],
  ])("refuses %j in one line", (args, message) => {
    const { stdout, stderr, status } = reference(...args);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr.trimEnd()).toMatch(message);
    expect(stderr.trimEnd()).not.toContain("\n");
  });
});
