import { BindGroupCache } from "./bind-groups.ts";
import type { Grid } from "./dispatch.ts";
import type { Kernel, KernelContext } from "./kernel.ts";
import { bindingsOf, moduleText, uniformBytes, type Binding } from "./module.ts";
import type { Piece } from "./pieces.ts";
import { uniformBuffer, type Pipeline, type PipelineCache } from "./pipelines.ts";

/** Workgroups that a device takes in one direction. */
const MAX_GROUPS = 65_535;

/** A kernel made ready for certain sizes: what remains is to bind tensors. */
export interface Plan {
  readonly steps: readonly {
    readonly pipeline: Pipeline;
    /** Tensors and scratch, in the order of their bindings from 1. */
    readonly binds: readonly Pick<Binding, "name" | "uniform">[];
    readonly groups: Grid;
    readonly bindGroups: BindGroupCache;
  }[];
  readonly uniform: GPUBuffer;
  /** Bytes of scratch tensors by name. */
  readonly scratch: ReadonlyMap<string, number>;
}

/** The name of a plan: all that it depends on. */
export function planKey(kernel: Kernel, { attributes, given }: KernelContext, { dims, part }: Piece): string {
  const sizes = Object.values(dims).join();
  const switches = Object.values(attributes).join();
  const optional = [...given].join();
  return `${kernel.op.name}/${kernel.algorithm ?? ""}/${sizes}/${switches}/${optional}/${part?.first ?? ""}+${part?.count ?? ""}`;
}

export function makePlan(
  device: GPUDevice,
  pipelines: PipelineCache,
  kernel: Kernel,
  context: KernelContext,
  { dims, part }: Piece,
): Plan {
  const sizes = { ...dims, partCount: part?.count ?? 0 };
  const steps = kernel.passes.map((pass) => {
    const bindings = bindingsOf(kernel, pass, context.given);
    return {
      pipeline: pipelines.get(kernel.op.name, moduleText(kernel, pass, dims, context), bindings),
      binds: bindings,
      groups: fold(pass.workgroups(sizes, context)),
      bindGroups: new BindGroupCache(),
    };
  });
  const scratch = new Map(Object.entries(kernel.scratch).map(([name, elements]) => [name, 4 * elements(dims)]));
  return { steps, uniform: uniformBuffer(device, uniformBytes(kernel, dims, context.attributes, part)), scratch };
}

/** Lays a number of workgroups out in x, y and z; there may be a few more of them than asked for. */
export function fold(count: number): Grid {
  if (count <= MAX_GROUPS) return [count, 1, 1];
  const rows = Math.ceil(count / MAX_GROUPS);
  const x = Math.ceil(count / rows);
  if (rows <= MAX_GROUPS) return [x, rows, 1];
  const z = Math.ceil(rows / MAX_GROUPS);
  return [x, Math.ceil(rows / z), z];
}
