import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Device } from "@elapid/tensor";
import { difference } from "../close.ts";
import { advisedTolerance, readKernelCases, type KernelCase } from "../kernel-cases.ts";
import { differentiateRecipe, runRecipe } from "../recipe.ts";
import { recipes } from "../recipes.ts";
import type { Values } from "../safetensors.ts";
import { worst, type Check, type Comparison } from "./report.ts";

/** Checks every kernel case of the tree, its outputs and its gradients. */
export async function* checkKernels(directory: string, device: Device): AsyncGenerator<Check> {
  const folder = join(directory, "kernels");
  if (!existsSync(folder)) return;
  for (const kernelCase of readKernelCases(folder)) {
    const { op, hasGradients } = kernelCase;
    const id = `kernels/${kernelCase.id}`;
    yield { id, group: op, outcome: await outcomeOf(kernelCase, () => compareOutputs(device, kernelCase)) };
    if (!hasGradients) continue;
    yield {
      id: `${id}:gradients`,
      group: `${op}, gradients`,
      outcome: await outcomeOf(kernelCase, () => compareGradients(device, kernelCase)),
    };
  }
}

async function outcomeOf(kernelCase: KernelCase, compare: () => Promise<Comparison[]>): Promise<Check["outcome"]> {
  const { op } = kernelCase;
  if (recipes[op] === undefined) return { kind: "unsupported", why: `no op for ${op}` };
  const why = recipes[op].unsupported?.(kernelCase);
  if (why !== undefined) return { kind: "unsupported", why: `${op}: ${why}` };
  try {
    return worst(await compare());
  } catch (error) {
    return { kind: "failed", what: error instanceof Error ? error.message : String(error) };
  }
}

async function compareOutputs(device: Device, kernelCase: KernelCase): Promise<Comparison[]> {
  return compareAll(kernelCase, "out", await runRecipe(recipes[kernelCase.op], device, kernelCase), kernelCase.outputs);
}

async function compareGradients(device: Device, kernelCase: KernelCase): Promise<Comparison[]> {
  const actual = await differentiateRecipe(recipes[kernelCase.op], device, kernelCase);
  return compareAll(kernelCase, "gin", actual, kernelCase.gradients);
}

function compareAll(
  kernelCase: KernelCase,
  kind: "out" | "gin",
  actual: Readonly<Record<string, Values>>,
  expected: Readonly<Record<string, Values>>,
): Comparison[] {
  return Object.entries(expected).map(([name, { data }]) => {
    const what = `${kind}.${name}`;
    if (actual[name] === undefined) return { what: `${what} is not given`, error: Infinity, tolerance: 0 };
    return { what, ...difference(actual[name].data, data, { relative: advisedTolerance(kernelCase, what) }) };
  });
}
