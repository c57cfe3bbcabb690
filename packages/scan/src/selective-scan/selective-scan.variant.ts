/** How the WebGPU device runs a forward scan. */
export interface ScanVariant {
  /** `sequential`: an invocation walks a channel from end to end; `chunked`: the chunks of a channel side by side. */
  readonly algorithm: "sequential" | "chunked";
  /** Steps after which a state is carried over, a power of two. */
  readonly chunk: number;
}

/** What a choice is made from. */
interface Sizes {
  readonly batch: number;
  readonly time: number;
  readonly inner: number;
  readonly state: number;
}

/** Channels that fill a device, one invocation each: from there on, walking everything twice costs more than it brings. */
const FULL = 16_384;
const SHORTEST = 32;
/** Borders at most, so that carrying over them, one after another, stays short beside the rest. */
const MOST_CHUNKS = 256;

/**
 * Chooses between the forward kernels. Both carry states over the same borders in the same way and so give the same
 * bits; how long a chunk is therefore must not depend on the batch, while the algorithm may.
 *
 * @param bindingBytes What a binding may hold; the states at the borders must fit into it.
 */
export function scanVariant({ batch, time, inner, state }: Sizes, bindingBytes: number): ScanVariant {
  // a border costs `state` numbers: chunks are long enough to make that at most as much as `u`
  const chunk = powerOfTwo(Math.max(SHORTEST, state, Math.ceil(time / MOST_CHUNKS)));
  const bytes = 4 * carriedElements({ batch, time, inner, state }, Math.ceil(time / chunk));
  const chunked = time > 2 * chunk && batch * inner < FULL && bytes <= bindingBytes;
  return { algorithm: chunked ? "chunked" : "sequential", chunk };
}

/** Numbers that a kernel keeps in scratch: a state and a sum of step sizes for every border, and what its passes share. */
export function carriedElements({ batch, time, inner, state }: Sizes, borders: number): number {
  return batch * borders * inner * (state + 1) + 2 * inner + batch * time;
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast));
}
