import { expect, onTestFinished, test, vi } from "vitest";
import { closingLine, runSteps } from "./steps.mjs";

const counting = (text: string) => ({ name: text, command: ["echo", text], counts: closingLine });

async function summaryOf(steps: Parameters<typeof runSteps>[0]): Promise<{ ok: boolean; lines: string[] }> {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  onTestFinished(() => log.mockRestore());
  const ok = await runSteps(steps);
  return { ok, lines: log.mock.calls.map(([line]) => String(line)) };
}

test.each([
  ["3 passed, 0 failed\n", { passed: 3, failed: 0, skipped: 0 }],
  ["1 passed, 0 failed\nmore\n2 passed, 1 failed, 4 skipped", { passed: 2, failed: 1, skipped: 4 }],
  ["all 3 passed, 0 failed\n", undefined],
  ["", undefined],
])("reads the closing line of %j", (output, counts) => {
  expect(closingLine(output)).toEqual(counts);
});

test("sums up checks and suites", async () => {
  vi.stubEnv("CI", "");
  onTestFinished(() => void vi.unstubAllEnvs());
  const absent = { name: "absent", command: ["true"], needs: "/no/such/file" };
  const steps = [{ name: "check", command: ["true"] }, counting("4 passed, 0 failed, 1 skipped"), absent];
  const { ok, lines } = await summaryOf(steps);
  expect(ok).toBe(true);
  expect(lines.at(-1)).toBe("5 passed, 0 failed, 2 skipped");
  expect(lines).toContain('  absent: NOT RUN, "/no/such/file" is missing');
});

test("what did not run fails under CI", async () => {
  vi.stubEnv("CI", "true");
  onTestFinished(() => void vi.unstubAllEnvs());
  const { ok, lines } = await summaryOf([counting("4 passed, 0 failed, 1 skipped")]);
  expect(ok).toBe(false);
  expect(lines.at(-1)).toBe("4 passed, 1 failed");
});

test("a suite that breaks or counts nothing fails", async () => {
  const broken = { name: "broken", command: ["sh", "-c", "echo 2 passed, 0 failed; exit 3"], counts: closingLine };
  const { ok, lines } = await summaryOf([broken, counting("nothing"), { name: "none", command: ["no-such-program"] }]);
  expect(ok).toBe(false);
  expect(lines.at(-1)).toBe("2 passed, 3 failed");
});
