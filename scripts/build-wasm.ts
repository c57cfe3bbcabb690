/**
 * Compiles the AssemblyScript kernels: one module a package, in two variants, into `src/kernels.generated.ts`.
 *
 * - Sources are all `*.as.ts` of a package that `modules` lists; every function one of them exports is an export of the
 *   module, so their names are unique within the package. Static data (`memory.data`) may only hold constants: each
 *   thread's instance writes it again.
 * - Snippets shared between packages live in `packages/wasm/src/snippets/*.as.ts` and are imported by relative path with
 *   the extension: `import { madd } from "../../../wasm/src/snippets/madd.as.ts"`. They add code but no exports.
 * - `ASC_FEATURE_RELAXED_SIMD` is a compile-time constant: `if (ASC_FEATURE_RELAXED_SIMD) { ... }` leaves no branch.
 * - The package wasm has a module of its own, what runs kernels on threads; snippets are no part of it.
 * - Both variants import a shared memory, `env.memory`; a runtime without threads clears the flag in the import section.
 *   Static data of the modules must not overlap as all of them run in one memory: each has its page, `memoryBase`.
 *
 * Usage: `node scripts/build-wasm.ts [--force]`. A package whose inputs did not change is skipped.
 */
import { createHash } from "node:crypto";
import { globSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const PAGE = 65536;

/** Where each module's static data begins. The first page holds ops' data: asc refuses it when it grows past that. */
const modules = [
  { name: "ops", memoryBase: 1024 },
  { name: "scan", memoryBase: PAGE },
  { name: "wasm", memoryBase: 2 * PAGE, sources: "*.as.ts" },
];

const variants = {
  simd: ["simd", "threads"], // threads for the shared memory: kernels hold no atomics
  relaxed: ["simd", "threads", "relaxed-simd"],
};

const files = (pattern: string) => globSync(pattern, { cwd: root }).toSorted();

function inputsHash(paths: string[]): string {
  const hash = createHash("sha256");
  for (const path of paths)
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update("\0");
  return hash.digest("hex").slice(0, 32);
}

async function compile(entries: string[], features: string[], memoryBase: number): Promise<Uint8Array> {
  const { default: asc } = await import("assemblyscript/asc");
  let binary = new Uint8Array();
  const { error, stderr } = await asc.main(
    [
      ...entries,
      ..."-O3 --noAssert --runtime stub --use abort= --importMemory --noExportMemory --sharedMemory".split(" "),
      ...`--enable ${features.join()} --memoryBase ${memoryBase} --outFile kernels.wasm`.split(" "),
      ...`--initialMemory ${Math.floor(memoryBase / PAGE) + 1} --maximumMemory ${PAGE}`.split(" "),
    ],
    {
      readFile: (name, base) => {
        try {
          return readFileSync(resolve(base, name), "utf8");
        } catch {
          return null; // asc tries several names for an import
        }
      },
      writeFile: (name, contents) => {
        if (name.endsWith(".wasm")) binary = Uint8Array.from(contents as Uint8Array);
      },
      listFiles: () => [],
    },
  );
  if (error)
    throw new Error(`Cannot compile ${entries.join(", ")} with ${features.join()}: ${error.message}\n${stderr}`);
  return binary;
}

async function build(
  { name, memoryBase, sources = "**/*.as.ts" }: (typeof modules)[number],
  force: boolean,
): Promise<void> {
  const entries = files(`packages/${name}/src/${sources}`);
  if (entries.length === 0) return;
  const inputs = [...entries, ...files("packages/wasm/src/snippets/*.as.ts"), "scripts/build-wasm.ts"];
  const header = `// Made by scripts/build-wasm.ts from inputs ${inputsHash([...inputs, "node_modules/assemblyscript/package.json"])}`;
  const output = join(root, `packages/${name}/src/kernels.generated.ts`);
  if (!force && readOrEmpty(output).startsWith(`${header}\n`)) return;

  const started = performance.now();
  const fields: string[] = [];
  const sizes: string[] = [];
  for (const [variant, features] of Object.entries(variants)) {
    const binary = await compile(entries, features, memoryBase);
    sizes.push(`${variant} ${(binary.length / 1024).toFixed(1)} KB`);
    fields.push(`  ${variant}:\n    "${Buffer.from(binary).toString("base64")}",`);
  }
  const object = [`  name: "${name}",`, `  memoryBase: ${memoryBase},`, ...fields].join("\n");
  const text = `${header}\n/** The package's kernels as WebAssembly, in base64. */\nexport const kernels = {\n${object}\n};\n`;
  // renamed into place, so that an interrupted run leaves no half file
  const temporary = `${output}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, output);
  console.error(
    `wasm: ${name} (${entries.length} files): ${sizes.join(", ")} in ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Compiles what is out of date; Vitest calls it before the tests too. */
export async function setup(): Promise<void> {
  for (const module of modules) await build(module, process.argv.includes("--force"));
}

if (import.meta.main) {
  await setup().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
