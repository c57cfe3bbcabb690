import { globSync, readFileSync } from "node:fs";
import { defineConfig } from "tsdown";
import { withoutIndent } from "./scripts/without-indent.ts";

/**
 * How every package is built: `tsdown` runs in the package's folder and finds this file above it.
 * Entries are what package.json exports (its `@elapid/source` files) and the `src/main.ts` of a program. Dependencies stay
 * imports.
 */
interface Manifest {
  readonly exports?: Readonly<Record<string, string | { readonly "@elapid/source"?: string }>>;
}

const { exports = {} } = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
const library = Object.values(exports).flatMap((target) =>
  typeof target === "object" && target["@elapid/source"] ? [target["@elapid/source"]] : [],
);
const programs = globSync("src/main.ts");

export default defineConfig({
  entry: [...library, ...programs],
  platform: programs.length > 0 ? "node" : "neutral",
  plugins: [withoutIndent],
  target: ["node20.19", "es2022"], // lowers `using`
  fixedExtension: false,
  dts: library.length > 0,
  sourcemap: true,
  logLevel: "warn",
});
