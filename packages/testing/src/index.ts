export { cutOf, seeds, someOf, tries } from "./arbitraries.ts";
export { backends, type BackendUnderTest, type Run } from "./backends.ts";
export { difference, expectClose, type Difference, type Tolerance } from "./close.ts";
export { testedBackends, type TestedBackend } from "./devices.ts";
export { expectGolden, goldenCases } from "./golden.ts";
export { host } from "./host.ts";
export { randomInputs, type Arrays, type RandomOptions, type Sizes } from "./inputs.ts";
export { expectIndependent, expectMatchesReference, type Call } from "./laws.ts";
export { PoisoningBackend } from "./poison.ts";
