/** A benchmark: a file that exports what it measures and how to run it. */
interface Benchmark {
  readonly summary: string;
  run(options: { readonly json: boolean }): Promise<void>;
}

const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  load: () => import("./load.ts"),
  peers: () => import("./peers.ts"),
  scan: () => import("./scan.ts"),
  train: () => import("./train.ts"),
};

const [name, ...rest] = process.argv.slice(2);
const load = name === undefined || !Object.hasOwn(benchmarks, name) ? undefined : benchmarks[name];
if (load === undefined || rest.some((option) => option !== "--json")) {
  console.error(`usage: npm run bench -- NAME [--json]; NAME is one of ${Object.keys(benchmarks).join(", ")}`);
  process.exitCode = 2;
} else {
  await (await load()).run({ json: rest.includes("--json") });
}
