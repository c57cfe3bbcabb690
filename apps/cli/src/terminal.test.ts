import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { bytes, columns, grouped, progressBar, trainingBar } from "./terminal.ts";

function terminal(isTTY: boolean) {
  let content = "";
  const stream = Object.assign(new PassThrough(), {
    isTTY,
    columns: 100,
    cursorTo() {},
    clearLine() {},
    moveCursor() {},
  });
  stream.on("data", (chunk) => (content += chunk));
  return { stream, written: () => content };
}

test("shows a bar on a terminal", () => {
  const { stream, written } = terminal(true);
  const bar = progressBar(stream, 0);
  bar.update({ file: "model.safetensors", loaded: 2 ** 19, total: 2 ** 20 });
  bar.stop();
  expect(written()).toContain("model.safetensors");
  expect(written()).toContain("50% of 1.0 MiB");
});

test("shows how training goes on, and lines above it", () => {
  const [screen, pipe] = [terminal(true), terminal(false)];
  for (const { stream } of [screen, pipe]) {
    const bar = trainingBar(stream);
    bar.update({ step: 5, steps: 20, loss: 2.34567, speed: 1234.5 });
    bar.say("step 5: better");
    bar.stop();
  }
  expect(screen.written()).toMatch(/step 5\/20 .* loss 2\.346, 1,235 tokens\/s/);
  expect(screen.written()).toContain("step 5: better\n");
  expect(pipe.written()).toBe("step 5: better\n");
});

test("shows no bar for what takes no time", () => {
  const { stream, written } = terminal(true);
  const bar = progressBar(stream, 60_000);
  bar.update({ file: "model.safetensors", loaded: 2 ** 19, total: 2 ** 20 });
  bar.stop();
  expect(written()).toBe("");
});

test("writes nothing into a pipe", () => {
  const { stream, written } = terminal(false);
  const bar = progressBar(stream);
  bar.update({ file: "model.safetensors", loaded: 1, total: 2 });
  bar.stop();
  expect(written()).toBe("");
});

test("writes sizes and tables for people", () => {
  expect([0, 1023, 1024, 1536, 2 ** 20, 2 ** 41].map(bytes)).toEqual([
    "0 B",
    "1023 B",
    "1.0 KiB",
    "1.5 KiB",
    "1.0 MiB",
    "2.0 TiB",
  ]);
  expect(grouped(1_400_256)).toBe("1,400,256");
  const rows = [
    ["a", "1"],
    ["long", "2"],
  ] as const;
  expect(columns(rows)).toBe("a     1\nlong  2\n");
});
