import { execFileSync, type ExecFileSyncOptions } from "node:child_process";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What `torch_mamba_step.py` prints. */
export interface TorchStep {
  readonly torch: string;
  readonly parameters: number;
  readonly tokens_per_s: number;
  readonly loss: number;
}

/** With these the C library keeps the memory of one step for the next, which makes PyTorch much faster. */
const allocator = { MALLOC_MMAP_MAX_: "0", MALLOC_TRIM_THRESHOLD_: "100000000000" };

/**
 * A Python with PyTorch: `python3.11` or `python3` if it has it, else an environment in the temporary folder with the wheel
 * that pip is configured to find. `undefined` if there is none: nothing is downloaded.
 */
export async function findTorch(): Promise<string | undefined> {
  const folder = join(tmpdir(), "elapid-bench-torch");
  const own = join(folder, "bin/python");
  const found = findPython("torch") ?? (existsSync(own) && imports(own, "torch") ? own : undefined);
  if (found !== undefined) return found;
  for (const python of ["python3.11", "python3"]) {
    if (!succeeds(python, ["-m", "venv", "--system-site-packages", folder])) continue;
    if (succeeds(own, ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "torch"]) && imports(own, "torch"))
      return own;
    await rm(folder, { recursive: true, force: true });
  }
  return undefined;
}

/** `python3` or `python3.11`, whichever has these modules: that of an environment that is active comes first. */
export function findPython(...modules: readonly string[]): string | undefined {
  return ["python3", "python3.11"].find((python) => imports(python, ...modules));
}

/** Times a training step of PyTorch in a process of its own; blocks until it is done. */
export function runTorch(python: string, options: { readonly threads: number; readonly steps: number }): TorchStep {
  return runScript(python, "torch_mamba_step.py", options) as TorchStep;
}

/** Sizes of `torch_scan.py`. */
interface TorchScan {
  readonly batch: number;
  readonly time: number;
  readonly inner: number;
  readonly state: number;
  readonly threads: number;
  readonly steps: number;
}

/** Seconds of each forward and backward of PyTorch's scan in a process of its own; blocks until it is done. */
export function runTorchScan(python: string, { time, ...sizes }: TorchScan): readonly number[] {
  const { seconds } = runScript(python, "torch_scan.py", { len: time, ...sizes }) as { readonly seconds: number[] };
  return seconds;
}

function runScript(python: string, script: string, options: Readonly<Record<string, number>>): unknown {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const output = execFileSync(python, [join(import.meta.dirname, script), ...args], {
    encoding: "utf8",
    env: { ...process.env, ...allocator },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(output) as unknown;
}

function imports(python: string, ...modules: readonly string[]): boolean {
  return succeeds(python, ["-c", `import ${modules.join(", ")}`]);
}

function succeeds(command: string, args: readonly string[]): boolean {
  const options: ExecFileSyncOptions = { stdio: "ignore" };
  try {
    execFileSync(command, args, options);
    return true;
  } catch {
    return false;
  }
}
