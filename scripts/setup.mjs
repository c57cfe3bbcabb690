/**
 * Makes a clone ready to run: installs what package-lock.json names, builds what changed. Plain JavaScript without
 * dependencies, because it runs before anything is installed and on the machine's own Node (20.19 or later). As a
 * program it only installs.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const bin = join(root, "node_modules/.bin");
const windows = process.platform === "win32";

/** The Node that the tools run on. It is a devDependency, as the machine's own may be too old for them. */
export const node = join(bin, windows ? "node.cmd" : "node");

const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => !/node_modules.\.bin$/.test(folder));

/** The Node of this machine, which is the oldest that the packages are tested on. */
export const systemNode = path.map((folder) => join(folder, windows ? "node.exe" : "node")).find(existsSync) ?? node;

/** The environment of everything started here: our Node and tools come first, and none of them phones home. */
export const environment = {
  ...process.env,
  PATH: [bin, ...path].join(delimiter),
  DO_NOT_TRACK: "1",
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
};

/** Installs and builds, each only where needed. */
export function prepare() {
  install(root, "dependencies");
  build();
}

/**
 * Runs `npm ci` in a folder whose node_modules is missing, unfinished or older than its package-lock.json.
 *
 * @param {string} folder
 * @param {string} what named in the line that tells about it
 */
export function install(folder, what) {
  if (isInstalled(folder)) return;
  say(`installing ${what} (first run or new versions)`);
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error", "--include=dev", "--ignore-scripts=false"];
  // without our own Node on the PATH: npm is about to replace it
  const env = { ...process.env, PATH: path.join(delimiter) };
  const { status } = spawnSync("npm", args, { cwd: folder, env, stdio: ["ignore", 2, 2], shell: windows });
  if (status !== 0 || !isInstalled(folder)) fail(`Cannot install ${what}: npm ci ended with code ${status}`);
}

/**
 * npm writes node_modules/.package-lock.json as its last act, so it tells a finished install from an interrupted one.
 *
 * @param {string} folder
 */
function isInstalled(folder) {
  const done = join(folder, "node_modules/.package-lock.json");
  if (!existsSync(done)) return false;
  const { packages: installed } = JSON.parse(readFileSync(done, "utf8"));
  const { packages: wanted } = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
  return Object.entries(wanted).every(([name, { version, integrity, optional, devOptional, peer }]) => {
    const found = installed[name];
    // an optional package may be for another platform
    if (!found) return name === "" || optional || devOptional || peer;
    return found.version === version && found.integrity === integrity;
  });
}

/** Compiles the kernels and builds every package, if a source changed since this was last done. */
function build() {
  const stamp = join(root, ".cache/built");
  const workspaces = ["packages", "apps"]
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
    .filter((folder) => existsSync(join(folder, "src")));
  const digest = digestOf(workspaces);
  const isBuilt = existsSync(stamp) && readFileSync(stamp, "utf8") === digest;
  if (isBuilt && workspaces.every((folder) => existsSync(join(folder, "dist")))) return;

  say("building (what changed since the last run)");
  rmSync(stamp, { force: true });
  const { status, stdout, stderr } = spawnSync("turbo", ["run", "build", "--no-color"], {
    cwd: root,
    env: environment,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    shell: windows,
  });
  if (status !== 0) {
    process.stderr.write(stdout + stderr);
    fail(`Cannot build: turbo ended with code ${status}`);
  }
  mkdirSync(join(root, ".cache"), { recursive: true });
  writeFileSync(stamp, digest);
}

/**
 * What the build reads, by path, size and time of change: hashing the contents would cost more than it saves.
 *
 * @param {string[]} workspaces
 */
function digestOf(workspaces) {
  const shared = ["package-lock.json", "tsconfig.base.json", "tsdown.config.ts", "turbo.json", "scripts/build-wasm.ts"];
  const files = shared.map((name) => join(root, name));
  for (const folder of workspaces) {
    files.push(join(folder, "package.json"));
    for (const entry of readdirSync(join(folder, "src"), { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && !/\.(test|generated)\.ts$/.test(entry.name)) files.push(join(entry.parentPath, entry.name));
    }
  }
  const hash = createHash("sha256");
  for (const file of files) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

/**
 * Whether a module is the program that Node was started with.
 *
 * @param {string} url the module's `import.meta.url`
 */
export function isMain(url) {
  return process.argv[1] === fileURLToPath(url);
}

if (isMain(import.meta.url)) install(root, "dependencies");

/** @param {string} message */
export function say(message) {
  process.stderr.write(`elapid: ${message}\n`);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  say(message);
  process.exit(1);
}
