/** Checks that need neither Node nor Vitest, for the tests of other runtimes. */
export { difference } from "./close.ts";
export { ForwardingBackend } from "./forwarding-backend.ts";
export { gradientArrays } from "./gradient-arrays.ts";
export { PoisoningBackend } from "./poison.ts";
export { checkTokenizer } from "./reference/tokenizers.ts";
export { runArrays } from "./run.ts";
export { sampleCalls, webGpuCalls } from "./samples.ts";
