/**
 * Looks at every public package as npm would publish it: publint and "are the types wrong" on the packed file, then the
 * sizes that the design promises. Ends with `N passed, N failed`.
 */
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const root = resolve(import.meta.dirname, "..");
const tool = (name: string) => join(root, "tools/node_modules/.bin", name);

let passed = 0;
let failed = 0;

function check(name: string, ok: boolean, detail: string): void {
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? "ok" : "FAILED"}  ${name}${detail && `: ${detail}`}`);
}

function run(program: string, args: string[]): { ok: boolean; output: string } {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: "utf8" });
  return { ok: status === 0, output: error?.message ?? stdout + stderr };
}

function checkPacked(): void {
  const folder = mkdtempSync(join(tmpdir(), "elapid-pack-"));
  try {
    for (const manifest of globSync("packages/*/package.json", { cwd: root }).toSorted()) {
      const { name, private: isPrivate } = JSON.parse(readFileSync(join(root, manifest), "utf8"));
      if (isPrivate) continue;
      const packed = run("npm", ["pack", "--silent", "-w", name, "--pack-destination", folder]);
      if (!packed.ok) {
        check(`${name}: npm pack`, false, packed.output);
        continue;
      }
      const file = join(folder, packed.output.trim().split("\n").at(-1) ?? "");
      const lint = run(tool("publint"), ["run", file, "--strict"]);
      check(`${name}: publint`, lint.ok, lint.ok ? "" : lint.output);
      const types = run(tool("attw"), [file, "--profile", "esm-only", "--format", "ascii", "--no-color"]);
      check(`${name}: types`, types.ok, types.ok ? "" : types.output);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * What a page that runs Mamba from safetensors never loads: other architectures and formats, kernels that no model needs,
 * those of the other device, and the runtime of WASM where there is a GPU.
 */
const pages = {
  WASM: /\/models\/src\/(?!mamba\.ts)[^/]+$|\/pytorch-zip\.ts$|\/(ops|scan)\/src\/(wasm|webgpu|webgpu-inference)\.ts$/,
  WebGPU:
    /\/models\/src\/(?!mamba\.ts)[^/]+$|\/pytorch-zip\.ts$|\/(ops|scan)\/src\/(webgpu|wasm|wasm-inference)\.ts$|\/wasm\/src\/index\.ts$/,
} as const;

/** Gzipped bytes of the JavaScript that a page with `load` of "elapid" ends up with, lazy parts included, by device. */
async function scriptBytes(dependencies: RegExp[]): Promise<Record<keyof typeof pages, number>> {
  const bundle = await rolldown({
    input: join(root, "packages/elapid/src/index.ts"),
    platform: "browser",
    resolve: { conditionNames: ["@elapid/source", "import", "browser", "default"] },
    external: [/^node:/, "webgpu", "@elapid/stories", /kernels\.generated\.ts$/, ...dependencies],
    logLevel: "silent",
  });
  const { output } = await bundle.generate({ minify: true });
  const chunks = new Map(output.flatMap((chunk) => (chunk.type === "chunk" ? [[chunk.fileName, chunk] as const] : [])));
  const loaded = (name: string, never: RegExp, seen: Set<string>): Set<string> => {
    const chunk = chunks.get(name);
    if (chunk === undefined || seen.has(name) || never.test(chunk.facadeModuleId ?? "")) return seen;
    seen.add(name);
    for (const next of [...chunk.imports, ...chunk.dynamicImports]) loaded(next, never, seen);
    return seen;
  };
  const bytes = (never: RegExp) =>
    [...loaded("index.js", never, new Set())].reduce((sum, name) => sum + gzipSync(chunks.get(name)!.code).length, 0);
  return { WASM: bytes(pages.WASM), WebGPU: bytes(pages.WebGPU) };
}

/** Bytes of the kernels of all packages, the larger variant of each: an engine loads one. */
async function kernelBytes(): Promise<number> {
  let bytes = 0;
  for (const file of globSync("packages/*/src/kernels.generated.ts", { cwd: root })) {
    const { kernels } = await import(join(root, file));
    bytes += Math.max(Buffer.byteLength(kernels.simd, "base64"), Buffer.byteLength(kernels.relaxed, "base64"));
  }
  return bytes;
}

function checkSize(name: string, bytes: number, budget: number): void {
  check(name, bytes <= budget * 1024, `${kilobytes(bytes)} of ${budget} KB`);
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`;
}

checkPacked();
const core = await scriptBytes([/^(?!@elapid\/)@?[a-z]/]);
const whole = await scriptBytes([]);
for (const device of Object.keys(pages) as (keyof typeof pages)[]) {
  checkSize(`elapid on ${device}, JavaScript, gzip`, core[device], 60);
  console.log(`    with its dependencies ${kilobytes(whole[device])}`);
}
checkSize("kernels, WebAssembly", await kernelBytes(), 300);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
