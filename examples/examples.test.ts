import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

test("generate.mjs writes a story", () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--conditions=@elapid/source", `${import.meta.dirname}/generate.mjs`, "The dog"],
    { encoding: "utf8" },
  );
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^The dog .{100,}\n$/s) });
  expect(stderr).toMatch(/on \w+: .*, because \w/);
});
