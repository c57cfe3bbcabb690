import { join } from "node:path";
import type { Device } from "@elapid/tensor";
import { expectClose } from "./close.ts";
import { advisedTolerance, readKernelCases, type KernelCase } from "./kernel-cases.ts";
import { recipes } from "./recipes.ts";

const folder = join(import.meta.dirname, "../../../golden/kernels");

/** Calls of an official function that are kept in `golden/kernels`, for `test.each`. */
export function goldenCases(op: string): KernelCase[] {
  const cases = readKernelCases(folder).filter((kernelCase) => kernelCase.op === op);
  if (cases.length === 0) throw new RangeError(`Cannot test "${op}": golden/kernels has no case of it`);
  return cases;
}

/** Asserts that the ops give every output of the case, within the tolerance that its source advises. */
export async function expectGolden(device: Device, kernelCase: KernelCase): Promise<void> {
  const actual = await recipes[kernelCase.op].run(device, kernelCase);
  for (const [name, { data }] of Object.entries(kernelCase.outputs)) {
    expectClose(actual[name].data, data, {
      relative: advisedTolerance(kernelCase, name),
      label: `${kernelCase.id} ${name}`,
    });
  }
}
