import { main } from "./cli.ts";
import { INTERRUPTED } from "./command.ts";

const interruption = new AbortController();
let exitCodeWhenInterrupted = INTERRUPTED;

// the second Ctrl-C does not wait for the token at work
for (const [signal, exitCode] of [
  ["SIGINT", INTERRUPTED],
  ["SIGTERM", 143],
] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(exitCode);
    exitCodeWhenInterrupted = exitCode;
    interruption.abort();
  });
}

// `elapid … | head` closes the pipe early, which is no failure
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
}

const { stdin, stdout, stderr } = process;
const exitCode = await main(process.argv.slice(2), { stdin, stdout, stderr, signal: interruption.signal });
process.exitCode = exitCode === INTERRUPTED ? exitCodeWhenInterrupted : exitCode;
