import { parseArgs } from "node:util";

/** How a benchmark is to run. */
export interface BenchmarkOptions {
  /** One object on standard output instead of tables. */
  readonly json: boolean;
  /** Interleaved runs of each work; fewer than the benchmark's own only show that it works. */
  readonly rounds: number | undefined;
  /** A file of text, for the benchmark that reads one. */
  readonly text: string | undefined;
}

/** A benchmark: a file that exports what it measures and how to run it. */
interface Benchmark {
  readonly summary: string;
  run(options: BenchmarkOptions): Promise<void>;
}

const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  browser: () => import("./browser.ts"),
  load: () => import("./load.ts"),
  matmul: () => import("./matmul.ts"),
  peers: () => import("./peers.ts"),
  quantisation: () => import("./quantisation.ts"),
  runtimes: () => import("./runtimes.ts"),
  scan: () => import("./scan.ts"),
  train: () => import("./train.ts"),
  transformers: () => import("./transformers.ts"),
};

const usage = `usage: npm run bench -- NAME [--json] [--rounds N] [--text FILE]; NAME is one of ${Object.keys(benchmarks).join(", ")}`;

try {
  const { values, positionals } = parseArgs({
    options: { json: { type: "boolean", default: false }, rounds: { type: "string" }, text: { type: "string" } },
    allowPositionals: true,
  });
  const [name, ...rest] = positionals;
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (
    name === undefined ||
    rest.length > 0 ||
    !Object.hasOwn(benchmarks, name) ||
    !(rounds === undefined || rounds >= 1)
  ) {
    throw new TypeError("Cannot measure: the name or the number of rounds is none");
  }
  await (await benchmarks[name]()).run({ json: values.json, rounds, text: values.text });
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(`${error.message}\n${usage}`);
  process.exitCode = 2;
}
