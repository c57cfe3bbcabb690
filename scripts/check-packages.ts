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

/** Gzipped bytes of what a page with `import { load } from "elapid"` ships in JavaScript, all lazy parts included. */
async function scriptBytes(dependencies: RegExp[]): Promise<number> {
  const bundle = await rolldown({
    input: join(root, "packages/elapid/src/index.ts"),
    platform: "browser",
    resolve: { conditionNames: ["@elapid/source", "import", "browser", "default"] },
    external: [/^node:/, "webgpu", "@elapid/stories", /kernels\.generated\.ts$/, ...dependencies],
    logLevel: "silent",
  });
  const { output } = await bundle.generate({ minify: true });
  return output.reduce((sum, chunk) => sum + (chunk.type === "chunk" ? gzipSync(chunk.code).length : 0), 0);
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
checkSize("elapid, JavaScript, gzip", core, 60);
console.log(`    with its dependencies ${kilobytes(await scriptBytes([]))}`);
checkSize("kernels, WebAssembly", await kernelBytes(), 300);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
