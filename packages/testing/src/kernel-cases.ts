import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors, type Values } from "./safetensors.ts";

/** One call of an official function: what went in, what came out, in the official layout. */
export interface KernelCase {
  readonly id: string;
  /** Name of the official function's case family, `selective_scan`. */
  readonly op: string;
  readonly attrs: Readonly<Record<string, number | boolean | string>>;
  readonly inputs: Readonly<Record<string, Values>>;
  readonly outputs: Readonly<Record<string, Values>>;
  /** Upstream gradients, of the outputs that have one. */
  readonly upstream: Readonly<Record<string, Values>>;
  /** The gradient of the sum of `<upstream, output>`, by input. */
  readonly gradients: Readonly<Record<string, Values>>;
  readonly hasGradients: boolean;
  /** The official function, for people. */
  readonly reference: string;
  /** How far the official function itself is off in float32, by `out.<output>` and `gin.<input>`, relative to the peak. */
  readonly float32Error: Readonly<Record<string, number>>;
}

interface IndexEntry {
  readonly id: string;
  readonly op: string;
  readonly file: string;
  readonly prefix: string;
  readonly attrs: KernelCase["attrs"];
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly grad_outputs?: readonly string[];
  readonly grad_inputs?: readonly string[];
  readonly reference: string;
  readonly float32_error?: Readonly<Record<string, { readonly max_rel_to_peak: number }>>;
}

/** The cases that `index.json` in a folder lists. Their tensors are read when they are asked for. */
export function readKernelCases(folder: string): KernelCase[] {
  const { cases } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { cases: IndexEntry[] };
  const files = new Map<string, ReadonlyMap<string, Values>>();
  const tensorsOf = (file: string) => {
    const tensors = files.get(file) ?? readSafetensors(join(folder, file));
    files.set(file, tensors);
    return tensors;
  };
  const read = ({ id, file, prefix }: IndexEntry, kind: "in" | "out" | "gout" | "gin", names: readonly string[]) =>
    Object.fromEntries(
      names.map((name) => {
        const values = tensorsOf(file).get(`${prefix}${kind}.${name}`);
        if (values === undefined)
          throw new SyntaxError(`Cannot read case "${id}": "${file}" lacks its ${kind}.${name}`);
        return [name, values];
      }),
    );
  return cases.map((entry) => ({
    id: entry.id,
    op: entry.op,
    attrs: entry.attrs,
    get inputs() {
      return read(entry, "in", Object.keys(entry.inputs));
    },
    get outputs() {
      return read(entry, "out", Object.keys(entry.outputs));
    },
    get upstream() {
      return read(entry, "gout", entry.grad_outputs ?? []);
    },
    get gradients() {
      return read(entry, "gin", entry.grad_inputs ?? []);
    },
    hasGradients: entry.grad_inputs !== undefined && entry.grad_inputs.length > 0,
    reference: entry.reference,
    float32Error: Object.fromEntries(
      Object.entries(entry.float32_error ?? {}).map(([tensor, error]) => [tensor, error.max_rel_to_peak]),
    ),
  }));
}

/** The relative tolerance that the tree's README advises for a tensor of a case, `out.y` or `gin.x`. */
export function advisedTolerance({ attrs, float32Error }: KernelCase, tensor: string): number {
  const long = Number(attrs.length ?? 0) >= 1000;
  return Math.max(long ? 1e-4 : 2e-5, 4 * (float32Error[tensor] ?? 0));
}
