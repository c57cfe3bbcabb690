import type { Port } from "@elapid/tensor";
import { bindingsOf } from "./module.ts";
import type { Kernel, KernelContext, Sizes, Traffic } from "./kernel.ts";

/**
 * What the passes of a kernel move: every tensor that a pass binds once, all of it, unless the pass's `moves` says otherwise.
 * Numbers of 32 bits; one that was not given is neither loaded nor counted.
 */
export function trafficOf(
  kernel: Omit<Kernel, "traffic">,
  dims: Sizes,
  { given }: Pick<KernelContext, "given">,
): Traffic {
  const { op, passes, scratch } = kernel;
  const context: KernelContext = {
    attributes: op.attributes,
    given,
    features: new Set(),
    limits: { bindingBytes: Infinity },
  };
  const ports = [...op.inputs.filter(({ name, optional }) => !optional || given.has(name)), ...op.outputs];
  const sizes = new Map(ports.map((port) => [port.name, sizeOf(port, dims)]));
  for (const name in scratch) sizes.set(name, scratch[name](dims));
  let moved = 0;
  for (const pass of passes) {
    if (pass.workgroups({ ...dims, partCount: dims.rows ?? 0 }, context) === 0) continue;
    const counted = pass.moves?.(dims, context) ?? {};
    for (const { name } of bindingsOf(kernel, pass, given)) moved += counted[name] ?? sizes.get(name)!;
  }
  const least = ports.reduce((total, { name }) => total + sizes.get(name)!, 0);
  return { moved: 4 * moved, least: 4 * least };
}

function sizeOf({ pattern: { leading, names } }: Port, dims: Sizes): number {
  return names.reduce((size, name) => size * dims[name], leading ? dims.rows : 1);
}
