import type { Attributes } from "@elapid/tensor";
import type { Kernel, KernelContext, Pass, Sizes } from "./kernel.ts";
import { wgslText } from "./wgsl.ts";

/** A tensor as a shader sees it. Binding 0 is the uniform, tensors follow. */
export interface Binding {
  readonly name: string;
  readonly type: "f32" | "i32" | "u32" | "atomic<u32>";
  readonly writable: boolean;
  /** Bound as a uniform, not as storage. */
  readonly uniform?: boolean;
}

/** A number in the uniform `dims`. */
interface Field {
  readonly name: string;
  readonly type: "u32" | "i32" | "f32";
}

/** Rows of the split tensor that a dispatch works on. */
export interface Part {
  readonly first: number;
  readonly count: number;
}

/** What a pass binds in this call: absent inputs are left out. */
export function bindingsOf(
  { op, dtypes, scratch, atomics }: Omit<Kernel, "traffic">,
  { binds, uniforms = [] }: Pass<Sizes, Attributes>,
  given: ReadonlySet<string>,
): Binding[] {
  const found = new Map<string, Binding>();
  for (const { name, dtype, optional } of op.inputs) {
    if (!optional || given.has(name))
      found.set(name, { name, type: (dtypes[name] ?? "f32") === "f32" ? dtype : "u32", writable: false });
  }
  for (const { name, dtype } of op.outputs) found.set(name, { name, type: dtype, writable: true });
  for (const name in scratch)
    found.set(name, { name, type: atomics.has(name) ? "atomic<u32>" : "f32", writable: true });
  const names = binds ?? [...op.inputs, ...op.outputs].map(({ name }) => name);
  const small = uniforms.flatMap((name) => found.get(name) ?? []);
  return [
    ...names.flatMap((name) => found.get(name) ?? []),
    ...small.map((binding) => ({ ...binding, uniform: true })),
  ];
}

/**
 * The complete WGSL of a pass: uniform, bindings, the constants that it mentions, then what the kernel wrote. What it does
 * not depend on leaves no trace, so that calls share pipelines.
 */
export function moduleText(kernel: Kernel, pass: Pass<Sizes, Attributes>, dims: Sizes, context: KernelContext): string {
  const body = wgslText(pass.source(dims, context));
  const words = new Set(body.match(/\w+/g));
  const fields = fieldsOf(kernel, context.attributes);
  const lines = [
    `struct Dims { ${fields.map(({ name, type }) => `${name}: ${type}`).join(", ")} }`,
    "@group(0) @binding(0) var<uniform> dims: Dims;",
  ];
  bindingsOf(kernel, pass, context.given).forEach(({ name, type, writable, uniform }, i) => {
    if (uniform) {
      // elements of arrays in a uniform are as far apart as four numbers
      const { names } = kernel.op.inputs.find((input) => input.name === name)!.pattern;
      const length = names.reduce((size, dim) => size * dims[dim], 1);
      lines.push(`@group(0) @binding(${i + 1}) var<uniform> ${name}: array<vec4<${type}>, ${Math.ceil(length / 4)}>;`);
      lines.push(`fn ${name}At(i: u32) -> ${type} { return ${name}[i / 4][i % 4]; }`);
      return;
    }
    const access = writable ? "read_write" : "read";
    lines.push(`@group(0) @binding(${i + 1}) var<storage, ${access}> ${name}: array<${type}>;`);
  });
  for (const { name, dtype, optional } of kernel.op.inputs) {
    if (!optional) continue;
    const given = context.given.has(name);
    const isGiven = `has${name[0].toUpperCase()}${name.slice(1)}`;
    if (words.has(isGiven)) lines.push(`const ${isGiven} = ${given};`);
    if (given) continue;
    if (pass.uniforms?.includes(name)) lines.push(`fn ${name}At(i: u32) -> ${dtype} { return ${dtype}(); }`);
    else if (words.has(name)) lines.push(`var<private> ${name}: array<${dtype}, 1>;`);
  }
  for (const [name, value] of Object.entries(context.attributes)) {
    if (typeof value === "boolean" && words.has(name)) lines.push(`const ${name} = ${value};`);
  }
  return `${lines.join("\n")}\n${body}`;
}

/** The bytes of the uniform `dims`. */
export function uniformBytes(kernel: Kernel, dims: Sizes, attributes: Attributes, part: Part | undefined): ArrayBuffer {
  const fields = fieldsOf(kernel, attributes);
  const bytes = new ArrayBuffer(Math.ceil(fields.length / 4) * 16);
  const view = new DataView(bytes);
  const values: Attributes = { ...attributes, ...dims, partFirst: part?.first ?? 0, partCount: part?.count ?? 0 };
  fields.forEach(({ name, type }, i) => {
    const value = Number(values[name] ?? 0);
    if (type === "f32") view.setFloat32(4 * i, value, true);
    else if (type === "i32") view.setInt32(4 * i, value, true);
    else view.setUint32(4 * i, value, true);
  });
  return bytes;
}

function fieldsOf({ op, integers, split, along }: Kernel, attributes: Attributes): Field[] {
  const sizes = new Set<string>();
  for (const { pattern } of [...op.inputs, ...op.outputs]) {
    if (pattern.leading) sizes.add("rows");
    for (const name of pattern.names) sizes.add(name);
  }
  if (split !== undefined) sizes.add("partFirst").add("partCount");
  if (along !== undefined) sizes.add("rangeFirst");
  const fields: Field[] = [...sizes].map((name) => ({ name, type: "u32" }));
  for (const [name, value] of Object.entries(attributes)) {
    // an attribute that a size is derived from may have its name
    if (typeof value === "number" && !sizes.has(name)) fields.push({ name, type: integers.has(name) ? "i32" : "f32" });
  }
  return fields;
}
