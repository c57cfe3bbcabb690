import { readFile } from "node:fs/promises";
import { UsageError, type Streams } from "./command.ts";

/**
 * The text of a file, or of standard input for `-`, which must be UTF-8.
 *
 * @throws Error that names the file.
 */
export async function readText(path: string, { stdin, signal }: Pick<Streams, "stdin" | "signal">): Promise<string> {
  const name = path === "-" ? "standard input" : `"${path}"`;
  const content = path === "-" ? await readAll(stdin, signal) : await readFile(path, { signal }).catch(refuse(name));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch (cause) {
    throw new SyntaxError(`Cannot read ${name}: it is not UTF-8 text`, { cause });
  }
}

/** Exactly one of several options; says which there are. */
export function oneOf(options: Readonly<Record<string, unknown>>, names: readonly string[]): string {
  const given = names.filter((name) => options[name] !== undefined);
  if (given.length === 1) return given[0];
  const list = names.map((name) => `--${name}`).join(", ");
  throw new UsageError(`${given.length === 0 ? "nothing to work on" : "too much to work on"}; give one of ${list}`);
}

async function readAll(stream: Streams["stdin"], signal: AbortSignal): Promise<Buffer> {
  const stop = () => stream.destroy(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    signal.throwIfAborted();
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "permission denied",
  EISDIR: "it is a folder, not a file",
};

function refuse(name: string) {
  return (cause: NodeJS.ErrnoException): never => {
    if (cause.name === "AbortError") throw cause;
    throw new Error(`Cannot read ${name}: ${reasons[cause.code ?? ""] ?? cause.message}`, { cause });
  };
}
