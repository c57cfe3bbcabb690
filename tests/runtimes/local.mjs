/** Runs the suite in a runtime that has files: Node, Bun or Deno. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { report } from "./report.mjs";

const root = new URL("../../", import.meta.url);
const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";

/**
 * Sets the exit code; that the process then ends although devices were open is part of the test.
 *
 * @param {string} runtime
 */
export async function runHere(runtime) {
  if (existsSync(driver)) process.env.VK_ICD_FILENAMES ??= driver;
  const { runSuite } = await import("./suite.mjs");
  if (!report(runtime, [await runSuite({ read, threads: 2 })])) process.exitCode = 1;
}

/**
 * The same for WebGPU alone, with the driver that the environment names.
 *
 * @param {string} runtime
 */
export async function runWebGpuHere(runtime) {
  const { runWebGpuSuite } = await import("./suite.mjs");
  if (!report(runtime, [await runWebGpuSuite({ read, threads: 1 })])) process.exitCode = 1;
}

/** @param {string} path */
async function read(path) {
  return new Uint8Array(await readFile(new URL(path, root)));
}
