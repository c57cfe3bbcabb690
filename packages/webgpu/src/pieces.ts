import { byteLength, rowUnit, type DimPattern, type OpCall, type View } from "@elapid/tensor";
import type { GpuMemory, Span } from "./buffers.ts";
import type { Kernel, Sizes } from "./kernel.ts";
import type { Part } from "./module.ts";

/** A share of a call that one run of a kernel can bind. */
export interface Piece {
  readonly dims: Sizes;
  /** Where each tensor lies. */
  readonly tensors: Map<string, Span>;
  /** Rows of the split tensor that are bound; absent if the kernel splits none. */
  readonly part: Part | undefined;
}

/** What a device can bind. */
export interface BindingLimits {
  readonly maxBytes: number;
  readonly alignment: number;
}

export function locate(view: View): Span[] {
  return (view.allocation as GpuMemory).locate(view.offset, byteLength(view.dtype, view.shape));
}

/**
 * Cuts a call into pieces of which every tensor lies in one buffer: along the dim that the kernel works
 * piece by piece, and along the rows of the tensor that it splits. Nothing if that cannot be done, because
 * another tensor is too large, or a cut falls inside a row or where no binding may start.
 */
export function piecesOf(kernel: Kernel, call: OpCall, limits: BindingLimits): Piece[] | undefined {
  const { op, split, along } = kernel;
  const whole = new Map<string, Span>();
  const cut = new Map<string, View>();
  const binds = (name: string) =>
    kernel.passes.some(({ binds, uniforms }) => (binds?.includes(name) ?? true) || uniforms?.includes(name));
  for (const { name, pattern } of [...op.inputs, ...op.outputs]) {
    const view = call.inputs[name] ?? call.outputs[name];
    if (view === undefined || name === split || !binds(name)) continue;
    const spans = locate(view);
    if (spans.length === 1) {
      if (spans[0].offset % limits.alignment !== 0) return undefined;
      whole.set(name, spans[0]);
    } else if (along !== firstDim(pattern)) {
      return undefined;
    } else {
      cut.set(name, view);
    }
  }
  const ranges = cut.size === 0 ? [{ dims: call.dims, tensors: whole }] : cutAlong(kernel, call, whole, cut, limits);
  if (ranges === undefined) return undefined;
  for (const { dims } of ranges) {
    for (const elements of Object.values(kernel.scratch)) if (4 * elements(dims) > limits.maxBytes) return undefined;
  }
  if (split === undefined) return ranges.map((range) => ({ ...range, part: undefined }));
  const parts = partsOf((call.inputs[split] ?? call.outputs[split])!, limits);
  return parts?.flatMap(({ part, span }) =>
    ranges.map(({ dims, tensors }) => ({ dims, tensors: new Map(tensors).set(split, span), part })),
  );
}

/** The ranges of `along` between all places where one of the tensors in `cut` is cut. */
function cutAlong(
  { op, along }: Kernel,
  call: OpCall,
  whole: ReadonlyMap<string, Span>,
  cut: ReadonlyMap<string, View>,
  { alignment }: BindingLimits,
): { dims: Sizes; tensors: Map<string, Span> }[] | undefined {
  const length = call.dims[along!];
  const places = new Set([0, length]);
  for (const view of cut.values()) {
    const row = byteLength(view.dtype, view.shape) / length;
    let at = 0;
    for (const span of locate(view)) places.add((at += span.length) / row);
  }
  const sorted = [...places].toSorted((a, b) => a - b);
  if (!sorted.every(Number.isInteger)) return undefined;
  const ranges: { dims: Sizes; tensors: Map<string, Span> }[] = [];
  for (const [i, first] of sorted.slice(0, -1).entries()) {
    const count = sorted[i + 1] - first;
    const tensors = new Map(whole);
    for (const { name, pattern } of [...op.inputs, ...op.outputs]) {
      const view = call.inputs[name] ?? call.outputs[name];
      if (view === undefined || along !== firstDim(pattern)) continue;
      const row = byteLength(view.dtype, view.shape) / length;
      const [span] = (view.allocation as GpuMemory).locate(view.offset + first * row, count * row);
      if (span.offset % alignment !== 0) return undefined;
      tensors.set(name, span);
    }
    ranges.push({ dims: { ...call.dims, [along!]: count, rangeFirst: first }, tensors });
  }
  return ranges;
}

function firstDim({ leading, names }: DimPattern): string | undefined {
  return leading ? "rows" : names[0];
}

/** The parts in which the split tensor lies, each with its rows. */
function partsOf(view: View, { alignment }: BindingLimits): { part: Part; span: Span }[] | undefined {
  const spans = locate(view);
  if (spans.some(({ offset }) => offset % alignment !== 0)) return undefined;
  if (spans.length === 1) return [{ part: { first: 0, count: view.shape[0] }, span: spans[0] }];
  const unit = rowUnit(view.dtype, view.shape);
  if (spans.some((span) => span.length % unit.bytes !== 0)) return undefined;
  let first = 0;
  return spans.map((span) => {
    const count = Math.min((span.length / unit.bytes) * unit.rows, view.shape[0] - first); // the last unit may not be full
    const part = { first, count };
    first += part.count;
    return { part, span };
  });
}
