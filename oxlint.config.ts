import { defineConfig } from "oxlint";

/** The one way imports point: each package, and the packages of ours that its sources may import. */
const arrows = {
  tensor: [],
  webgpu: ["tensor"],
  wasm: ["tensor"],
  ops: ["tensor", "webgpu", "wasm"],
  scan: ["tensor", "webgpu", "wasm", "ops"],
  nn: ["tensor", "ops", "scan"],
  tokenizers: [],
  loaders: ["tensor"],
  models: ["tensor", "ops", "scan", "nn", "loaders", "tokenizers"],
  train: ["tensor", "ops", "nn", "loaders"],
  stories: [],
} satisfies Record<string, readonly string[]>;

const intoSources = {
  regex: "^\\.\\./.*\\bsrc/",
  message: "Another package is imported by its name.",
};

export default defineConfig({
  plugins: ["typescript", "unicorn", "import", "oxc"],
  categories: { correctness: "error", suspicious: "error" },
  env: { builtin: true },
  ignorePatterns: ["**/*.as.ts", "**/*.generated.ts", "**/dist/**", "golden/**", "docs/api/**"],
  rules: {
    "import/no-cycle": "error",
    "import/no-default-export": "error",
    "no-restricted-imports": restricted(intoSources),
    "typescript/no-explicit-any": "error",
    "typescript/consistent-type-imports": "error",
    eqeqeq: ["error", "always", { null: "ignore" }],
    "prefer-const": "error",
    "no-var": "error",
    "no-await-in-loop": "off", // steps of a model and of a stream depend on each other
    "no-control-regex": "off", // tokenizers speak of control characters
    "no-shadow": "off",
    "import/no-named-as-default-member": "off", // fc.integer is how fast-check is read
    "unicorn/consistent-function-scoping": "off",
    "unicorn/no-useless-spread": "off", // [...text] splits into characters, [...array] turns a typed array into a plain one
    // worker_threads have one channel: no listeners to share it, no origin to name
    "unicorn/prefer-add-event-listener": "off",
    "unicorn/require-post-message-target-origin": "off",
  },
  overrides: [
    { files: ["*.config.{ts,js}"], rules: { "import/no-default-export": "off" } },
    ...Object.entries(arrows).map(([name, allowed]) => ({
      files: [`packages/${name}/src/**/*.ts`],
      excludeFiles: ["**/*.test.ts", "**/*.bench.ts"],
      rules: { "no-restricted-imports": restricted(intoSources, forbiddenBut(allowed, name)) },
    })),
  ],
});

function restricted(...patterns: (typeof intoSources)[]): ["error", { patterns: typeof patterns }] {
  return ["error", { patterns }];
}

function forbiddenBut(allowed: readonly string[], name: string) {
  const others = [...Object.keys(arrows), "testing"].filter((other) => !allowed.includes(other));
  return {
    regex: `^(elapid|@elapid/(${others.join("|")}))(/|$)`,
    message: `packages/${name} may import ${allowed.join(", ") || "none of our packages"}.`,
  };
}
