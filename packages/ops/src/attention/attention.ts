import { defineOp, optionalInts, type Tensor } from "@elapid/tensor";
import { attentionBackward } from "./attention.backward.ts";
import { attentionReference } from "./attention.reference.ts";

/**
 * Declaration of softmax attention with grouped queries. Head `h` reads the keys and values of head
 * `floor(h / (heads / kvHeads))`; the last query stands beside the last key.
 *
 *     s[i, j] = scale · q[i] · k[j]      j <= i + keys - queries if causal, j >= first[i], and mask[j] is not 0
 *     y[i] = sum over j of softmax(s[i])[j] · v[j]      logSum[i] = log(sum over j of exp(s[i, j]))
 *
 * `first` never goes down from a query to the next: so packed sequences stay apart, and a window slides.
 * A query that may look at no key has `y` 0 and `logSum` -Infinity. Scores are never stored: keys pass in tiles under a running
 * maximum (Milakov & Gimelshein 2018; Dao et al. 2022), and the gradient makes them again from `logSum`.
 */
export const attentionOp = defineOp({
  name: "attention",
  inputs: {
    q: "batch queries heads headDim",
    k: "batch keys kvHeads headDim",
    v: "batch keys kvHeads valueDim",
    mask: optionalInts("batch keys"),
    first: optionalInts("batch queries"),
  },
  outputs: { y: "batch queries heads valueDim", logSum: "batch queries heads" },
  attributes: { causal: true, scale: 1 },
  check: ({ queries, keys, heads, kvHeads }, { causal }) => {
    if (heads % kvHeads !== 0) {
      throw new RangeError(
        `Cannot run "attention": "heads" is ${heads} but a multiple of "kvHeads", ${kvHeads}, was needed`,
      );
    }
    if (causal && queries > keys) {
      throw new RangeError(`Cannot run "attention": "queries" is ${queries} but at most "keys", ${keys}, was needed`);
    }
  },
  reference: attentionReference,
  gradient: ({ inputs, outputs: { y, logSum }, grads: { y: dy, logSum: dlogSum }, attributes }) => {
    const back = attentionBackward({ ...inputs, y, logSum, dy: dy ?? y.device.zeros(y.shape), dlogSum }, attributes);
    return { q: back.dq, k: back.dk, v: back.dv };
  },
});

/** How `attention` weighs. */
export interface AttentionOptions {
  /** A query sees no key that comes after it. Default `true`. */
  readonly causal?: boolean;
  /** Default `1 / sqrt(headDim)`. */
  readonly scale?: number;
  /** "batch keys", 0 for a key that nobody may look at. */
  readonly mask?: Tensor | undefined;
  /** "batch queries", the first key that a query may look at; it never goes down from a query to the next. Default 0. */
  readonly first?: Tensor | undefined;
}

/**
 * Softmax attention of "batch queries heads headDim" over keys and values "batch keys kvHeads headDim": what the
 * queries read, "batch queries heads valueDim".
 *
 * ```ts
 * const y = attention(rope(q), rope(k), v);
 * ```
 *
 * @throws RangeError if `heads` is no multiple of `kvHeads`, or there are more queries than keys while causal.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const { headDim } = q.dims("batch queries heads headDim");
  const { causal = true, scale = 1 / Math.sqrt(headDim), mask, first } = options;
  const { y, logSum } = attentionOp({ q, k, v, mask, first }, { causal, scale });
  if (q.device.tape === undefined) logSum.dispose();
  return y;
}
