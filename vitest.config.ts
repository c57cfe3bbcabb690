import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";
import { softwareVulkan } from "./scripts/system.mjs";

// Tests run the sources, not the built packages: every workspace exports its `src/` under this condition.
const conditions = ["@elapid/source"];

// where Chromium brought a software Vulkan driver, the WebGPU tests run on it
if (existsSync(softwareVulkan)) process.env.VK_ICD_FILENAMES ??= softwareVulkan;

export default defineConfig({
  resolve: { conditions: [...conditions, "module", "node"] },
  ssr: { resolve: { conditions: [...conditions, "module", "node"], externalConditions: conditions } },
  test: {
    include: [
      "{packages,apps}/*/src/**/*.test.ts",
      "{scripts,tests,examples,benchmarks,experiments,docs}/**/*.test.ts",
    ],
    globalSetup: "scripts/build-wasm.ts",
    // Dawn and the WASM thread pool want a process of their own
    pool: "forks",
    watch: false,
    passWithNoTests: true,
    // a software Vulkan driver compiles its first pipelines slowly
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
