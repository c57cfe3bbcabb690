import { globSync, readFileSync } from "node:fs";
import { defineConfig } from "tsdown";

/**
 * How every package is built: `tsdown` runs in the package's folder and finds this file above it.
 * Entries are what package.json exports (its `@elapid/source` files), the programs under `bin`, and worker files, which
 * are loaded by URL. Dependencies stay imports.
 */
interface Manifest {
  readonly exports?: Readonly<Record<string, string | { readonly "@elapid/source"?: string }>>;
  readonly bin?: Readonly<Record<string, string>>;
}

const { exports = {}, bin = {} } = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
const library = Object.values(exports).flatMap((target) =>
  typeof target === "object" && target["@elapid/source"] ? [target["@elapid/source"]] : [],
);
const programs = Object.values(bin).map((path) => path.replace("/dist/", "/src/").replace(/\.js$/, ".ts"));

export default defineConfig({
  entry: [...library, ...programs, ...globSync("src/**/*.worker.ts")],
  platform: programs.length > 0 ? "node" : "neutral",
  target: ["node20.19", "es2022"], // lowers `using`
  fixedExtension: false,
  dts: library.length > 0,
  sourcemap: true,
  logLevel: "warn",
});
