import type { Attributes } from "@elapid/tensor";
import type { Kernel, KernelContext, Sizes } from "./kernel.ts";
import { bindingsOf, moduleText } from "./module.ts";
import { PipelineCache } from "./pipelines.ts";

/** What, besides sizes, makes a kernel's WGSL differ from call to call. */
export type KernelVariant = Omit<KernelContext, "features" | "limits">;

/**
 * Every combination of optional inputs and switches of a kernel, so that a test can walk them. Of more than 8 optional inputs
 * these: all, with every combination of switches; none; and all but each.
 *
 * @param choices Values of attributes that are words: `{ activation: ["none", "silu"] }`.
 */
export function kernelVariants(
  { op }: Kernel,
  choices: Readonly<Record<string, readonly string[]>> = {},
): KernelVariant[] {
  const optional = op.inputs.filter((port) => port.optional).map(({ name }) => name);
  let settings: Attributes[] = [op.attributes];
  for (const [name, value] of Object.entries(op.attributes)) {
    const values = typeof value === "boolean" ? [false, true] : (choices[name] ?? [value]);
    settings = settings.flatMap((others) => values.map((each) => ({ ...others, [name]: each })));
  }
  const variant = (attributes: Attributes, names: readonly string[]) => ({ attributes, given: new Set(names) });
  if (optional.length > MANY) {
    const leftOut = optional.map((left) =>
      variant(
        op.attributes,
        optional.filter((name) => name !== left),
      ),
    );
    return [...settings.map((attributes) => variant(attributes, optional)), variant(op.attributes, []), ...leftOut];
  }
  let given: string[][] = [[]];
  for (const name of optional) given = given.flatMap((names) => [names, [...names, name]]);
  return settings.flatMap((attributes) => given.map((names) => variant(attributes, names)));
}

/** Optional inputs up to which every choice of them is a variant. */
const MANY = 8;

/** What was compiled already: many variants of a kernel share passes. */
const caches = new WeakMap<GPUDevice, PipelineCache>();

/**
 * Compiles the passes of a kernel for certain sizes without running them; Dawn's null backend is enough.
 *
 * @param features Those that the kernel is told of. Default: the device's.
 * @returns The number of passes, 0 if the kernel does not take these sizes.
 * @throws SyntaxError that shows the line whose WGSL does not compile.
 */
export async function compileKernel(
  device: GPUDevice,
  kernel: Kernel,
  dims: Sizes,
  variant: KernelVariant,
  features = device.features as ReadonlySet<string>,
): Promise<number> {
  const limits = { bindingBytes: device.limits.maxStorageBufferBindingSize };
  const context: KernelContext = { ...variant, features, limits };
  if (!kernel.suits(dims, context)) return 0;
  const pipelines = caches.get(device) ?? new PipelineCache(device);
  caches.set(device, pipelines);
  for (const pass of kernel.passes) {
    const bindings = bindingsOf(kernel, pass, context.given);
    await pipelines.get(kernel.op.name, moduleText(kernel, pass, dims, context), bindings).ready;
  }
  return kernel.passes.length;
}
