import { main } from "./cli.ts";

const interruption = new AbortController();

// the second Ctrl-C does not wait for the token at work
for (const [signal, exitCode] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(exitCode);
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
process.exitCode = await main(process.argv.slice(2), { stdin, stdout, stderr, signal: interruption.signal });
