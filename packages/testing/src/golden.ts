import { join } from "node:path";
import type { Device } from "@elapid/tensor";
import { expectClose } from "./close.ts";
import { advisedTolerance, readKernelCases, type KernelCase } from "./kernel-cases.ts";
import { differentiateRecipe, runRecipe } from "./recipe.ts";
import { recipes } from "./recipes.ts";
import type { Values } from "./safetensors.ts";

const folders = ["kernels", "recurrent"].map((name) => join(import.meta.dirname, "../../../golden", name));

/** Calls of an official function that are kept in `golden`, for `test.each`; of all functions without a name. */
export function goldenCases(op?: string): KernelCase[] {
  const cases = folders.flatMap(readKernelCases).filter((kernelCase) => op === undefined || kernelCase.op === op);
  if (cases.length === 0) throw new RangeError(`Cannot test "${op}": golden has no case of it`);
  return cases;
}

/** Asserts that the ops give every output of the case, within the tolerance that its source advises. */
export async function expectGolden(device: Device, kernelCase: KernelCase): Promise<void> {
  expectAll(kernelCase, "out", await runRecipe(recipes[kernelCase.op], device, kernelCase), kernelCase.outputs);
}

/** Asserts the same of the gradient by every input. */
export async function expectGoldenGradients(device: Device, kernelCase: KernelCase): Promise<void> {
  expectAll(
    kernelCase,
    "gin",
    await differentiateRecipe(recipes[kernelCase.op], device, kernelCase),
    kernelCase.gradients,
  );
}

function expectAll(
  kernelCase: KernelCase,
  kind: "out" | "gin",
  actual: Readonly<Record<string, Values>>,
  expected: Readonly<Record<string, Values>>,
): void {
  for (const [name, { data }] of Object.entries(expected)) {
    const tensor = `${kind}.${name}`;
    const relative = advisedTolerance(kernelCase, tensor);
    expectClose(actual[name].data, data, { relative, label: `${kernelCase.id} ${tensor}` });
  }
}
