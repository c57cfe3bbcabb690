/** How the WebGPU device runs a forward scan. */
export interface ScanVariant {
  /** `sequential`: an invocation walks a channel from end to end; `chunked`: the chunks of a channel side by side. */
  readonly algorithm: "sequential" | "chunked";
  /** Steps after which a state is carried over, a power of two. */
  readonly chunk: number;
}

/** Sizes that decide. */
export type ScanSizes = Readonly<Record<"batch" | "time" | "inner" | "state", number>>;

/** Channels that fill a device, one invocation each: from there on, walking everything twice costs more than it brings. */
const FULL = 16_384;
const SHORTEST = 32;
/** Borders at most, so that carrying over them, one after another, stays short beside the rest. */
const MOST_CHUNKS = 256;

/**
 * Chooses between the forward kernels. Both carry states over the same borders in the same way and so give the same
 * bits; how long a chunk is therefore must not depend on the batch, while the algorithm may.
 *
 * @param parts Numbers of an entry of the state: 2 where it is complex.
 * @param bindingBytes What a binding may hold; the states at the borders must fit into it.
 */
export function scanVariant(sizes: ScanSizes, parts: 1 | 2, bindingBytes: number): ScanVariant {
  const { batch, time, inner, state } = sizes;
  // chunks are long enough for the states at their borders to be no more than `u`
  const chunk = powerOfTwo(Math.max(SHORTEST, parts * state, Math.ceil(time / MOST_CHUNKS)));
  const bytes = 4 * carriedElements(sizes, parts, Math.ceil(time / chunk));
  const chunked = time > 2 * chunk && batch * inner < FULL && bytes <= bindingBytes;
  return { algorithm: chunked ? "chunked" : "sequential", chunk };
}

/** Numbers that a kernel keeps in scratch for so many borders of each channel: see its layout. */
export function carriedElements({ batch, time, inner, state }: ScanSizes, parts: 1 | 2, borders: number): number {
  return batch * borders * (inner * (parts * state + 1) + 1) + 2 * inner + batch * time;
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast));
}
