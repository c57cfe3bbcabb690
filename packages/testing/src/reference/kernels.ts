import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Device } from "@elapid/tensor";
import { difference } from "../close.ts";
import { advisedTolerance, readKernelCases, type KernelCase } from "../kernel-cases.ts";
import { recipes } from "../recipes.ts";
import { worst, type Check } from "./report.ts";

/** Checks every kernel case of the tree. */
export async function* checkKernels(directory: string, device: Device): AsyncGenerator<Check> {
  const folder = join(directory, "kernels");
  if (!existsSync(folder)) return;
  for (const kernelCase of readKernelCases(folder)) {
    const { op, gradients } = kernelCase;
    const id = `kernels/${kernelCase.id}`;
    yield { id, group: op, outcome: await outcomeOf(device, kernelCase) };
    if (gradients.length > 0) {
      yield { id: `${id}:gradients`, group: op, outcome: { kind: "unsupported", why: "gradients come with training" } };
    }
  }
}

async function outcomeOf(device: Device, kernelCase: KernelCase): Promise<Check["outcome"]> {
  const { op } = kernelCase;
  const recipe = recipes[op];
  if (recipe === undefined) return { kind: "unsupported", why: `no op for ${op}` };
  const why = recipe.unsupported?.(kernelCase);
  if (why !== undefined) return { kind: "unsupported", why: `${op}: ${why}` };
  try {
    const actual = await recipe.run(device, kernelCase);
    return worst(
      Object.entries(kernelCase.outputs).map(([name, { data }]) => {
        if (actual[name] === undefined) return { what: `output ${name} is not given`, error: Infinity, tolerance: 0 };
        return { what: name, ...difference(actual[name].data, data, { relative: advisedTolerance(kernelCase, name) }) };
      }),
    );
  } catch (error) {
    return { kind: "failed", what: error instanceof Error ? error.message : String(error) };
  }
}
