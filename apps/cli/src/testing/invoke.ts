import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { main } from "../cli.ts";

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Circumstances {
  /** What standard input holds. */
  readonly input?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Told of everything that is written to standard output. */
  readonly onOutput?: (text: string) => void;
}

/** Runs the command line in this process, as a user would in a pipe. */
export async function invoke(args: readonly string[], circumstances: Circumstances = {}): Promise<Outcome> {
  const { input = "", signal = new AbortController().signal, onOutput } = circumstances;
  const stdout = new Collector(onOutput);
  const stderr = new Collector();
  const exitCode = await main(args, { stdin: Readable.from([Buffer.from(input)]), stdout, stderr, signal });
  return { exitCode, stdout: stdout.content, stderr: stderr.content };
}

/** Starts the command line as a process of its own. */
export function start(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  const program = fileURLToPath(new URL("../main.ts", import.meta.url));
  return spawn(process.execPath, ["--conditions=@elapid/source", program, ...args], {
    env: { ...process.env, ...env },
  });
}

/** Waits for the end of a process. */
export async function outcomeOf(started: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(started.stdout),
    text(started.stderr),
    once(started, "close"),
  ]);
  return { exitCode: exitCode as number | null, stdout, stderr };
}

class Collector extends Writable {
  content = "";
  readonly #onWrite: ((text: string) => void) | undefined;

  constructor(onWrite?: (text: string) => void) {
    super({ decodeStrings: false });
    this.#onWrite = onWrite;
  }

  override _write(chunk: string | Uint8Array, _: string, done: () => void): void {
    const written = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    this.content += written;
    this.#onWrite?.(written);
    done();
  }
}
