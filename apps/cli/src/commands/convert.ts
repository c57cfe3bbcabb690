import { convert } from "elapid";
import { choice, flag, json, number, UsageError, type Args, type Streams } from "../command.ts";
import { progressBar } from "../terminal.ts";

export const name = "convert";
export const summary = "Write a model with another type of weights, as a Hugging Face folder or a .gguf file";
export const operands = "<source> <destination>";

const DTYPES = ["f32", "f16", "bf16", "q8", "q4"] as const;

export const options = {
  dtype: choice([...DTYPES, "none"], "type of the matrices; what feeds recurrences and norms stays f32", "none"),
  force: flag("replace what is at the destination"),
  threads: number("n", "threads that round to q8 and q4", { min: 1, whole: true }),
  json,
};

export async function run(
  { operands: [source, destination], values }: Args<typeof options>,
  { stdout, stderr, signal }: Streams,
): Promise<number> {
  const { dtype, force, threads } = values;
  if (dtype === "none") throw new UsageError(`--dtype is missing; it is one of ${DTYPES.join(", ")}`);
  const bar = progressBar(stderr);
  try {
    await convert(source, destination, { dtype, force, threads, signal, onProgress: bar.update });
  } finally {
    bar.stop();
  }
  if (values.json) stdout.write(`${JSON.stringify({ source, destination, dtype })}\n`);
  return 0;
}
