import { defineConfig } from "vitest/config";

// Tests run the sources, not the built packages: every workspace exports its `src/` under this condition.
const conditions = ["@elapid/source"];

export default defineConfig({
  resolve: { conditions: [...conditions, "module", "node"] },
  ssr: { resolve: { conditions: [...conditions, "module", "node"], externalConditions: conditions } },
  test: {
    include: ["{packages,apps}/*/src/**/*.test.ts", "{scripts,examples,benchmarks,docs}/**/*.test.ts"],
    // Dawn and the WASM thread pool want a process of their own; workers started by a test inherit these flags
    pool: "forks",
    execArgv: conditions.map((condition) => `--conditions=${condition}`),
    watch: false,
    passWithNoTests: true,
    // a software Vulkan driver compiles its first pipelines slowly
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
