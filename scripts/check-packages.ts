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
import { withoutIndent } from "./without-indent.ts";

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

/** A page that writes with a Mamba model out of safetensors. */
const page = `
  import { load } from "elapid";
  async function write() {
    using lm = await load("https://example.org/mamba");
    for await (const piece of lm.generate("Once upon a time")) document.body.append(piece);
  }
  write();`;

/** What it never asks for, of what is imported when it is wanted: other architectures, formats, tokenizers and devices, gradients, files. */
const unwanted = [
  "models/src/(mamba2|mamba3|elapid|score|narrow-uploads)",
  "loaders/src/(pytorch-zip|file|disk-folder)",
  "tokenizers/src/(chat-template|models/(unigram|word-piece|word-level))",
  "(ops|scan)/src/(wasm|webgpu)",
  "scan/src/(ssd|mamba3|lti|rnn|gru)/[^/]*",
  "ops/src/(attention/|elementwise/gelu)[^/]*",
];
const never = {
  WASM: moduleNames([...unwanted, "elapid/src/gpu-backend"]),
  WebGPU: moduleNames([...unwanted, "elapid/src/cpu-backend"]),
};

function moduleNames(names: readonly string[]): RegExp {
  return new RegExp(`/packages/(${names.join("|")})\\.ts$`);
}

/** Gzipped bytes of the JavaScript that the page ends up with, by device: what it imports, and what that imports in time. */
async function scriptBytes(dependencies: RegExp[]): Promise<Record<keyof typeof never, number>> {
  const bundle = await rolldown({
    input: "page",
    plugins: [
      withoutIndent,
      { name: "page", resolveId: (id) => (id === "page" ? id : null), load: (id) => (id === "page" ? page : null) },
    ],
    platform: "browser",
    preserveEntrySignatures: false, // it is a page and exports nothing
    resolve: {
      alias: { elapid: join(root, "packages/elapid/src/index.ts") },
      conditionNames: ["@elapid/source", "import", "browser", "default"],
    },
    external: [/^node:/, "webgpu", "@elapid/stories", /kernels\.generated\.ts$/, ...dependencies],
    logLevel: "silent",
  });
  const { output } = await bundle.generate({ minify: true });
  const chunks = new Map(output.flatMap((chunk) => (chunk.type === "chunk" ? [[chunk.fileName, chunk] as const] : [])));
  const add = (name: string, never: RegExp, seen: Set<string>): Set<string> => {
    const chunk = chunks.get(name);
    if (chunk === undefined || seen.has(name)) return seen;
    seen.add(name);
    const wanted = chunk.dynamicImports.filter((next) => !never.test(chunks.get(next)?.facadeModuleId ?? ""));
    for (const next of [...chunk.imports, ...wanted]) add(next, never, seen);
    return seen;
  };
  const entry = output.find((chunk) => chunk.type === "chunk" && chunk.isEntry)!.fileName;
  const bytes = (never: RegExp) =>
    [...add(entry, never, new Set())].reduce((sum, name) => sum + gzipSync(chunks.get(name)!.code).length, 0);
  return { WASM: bytes(never.WASM), WebGPU: bytes(never.WebGPU) };
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
const core = await scriptBytes([/^(?!@elapid\/|elapid$|page$)@?[a-z]/]);
const whole = await scriptBytes([]);
for (const device of Object.keys(never) as (keyof typeof never)[]) {
  checkSize(`elapid on ${device}, JavaScript, gzip`, core[device], 60);
  console.log(`    with its dependencies ${kilobytes(whole[device])}`);
}
checkSize("kernels, WebAssembly", await kernelBytes(), 300);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
