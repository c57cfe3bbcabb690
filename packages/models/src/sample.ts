import type { RandomSource } from "@elapid/tensor";

export interface SamplingOptions {
  /** Divides the logits; 0 takes the likeliest token. */
  readonly temperature: number;
  /** Keeps only the `topK` likeliest; 0 keeps all. */
  readonly topK: number;
  /** Keeps the fewest tokens that together have this probability; 1 keeps all. */
  readonly topP: number;
  /** Keeps tokens with at least this share of the likeliest one's probability; 0 keeps all. */
  readonly minP: number;
  /** Divides positive, multiplies negative logits of tokens that were there already (Keskar et al. 2019); 1 does nothing. */
  readonly repetitionPenalty: number;
}

/**
 * Picks the next token. The order is that of transformers: repetition penalty, temperature, top-k,
 * top-p, min-p. Equal logits rank by id, so that the choice is the same on every device that
 * computes the same logits.
 *
 * @param logits one number a token of the vocabulary; may be changed
 * @param seen tokens of prompt and answer so far
 * @throws RangeError if a logit is NaN, or none is above -Infinity.
 */
export function sampleToken(
  logits: Float32Array,
  seen: ReadonlySet<number>,
  { temperature, topK, topP, minP, repetitionPenalty }: SamplingOptions,
  random: RandomSource,
): number {
  if (repetitionPenalty !== 1) {
    for (const id of seen)
      logits[id] = logits[id] > 0 ? logits[id] / repetitionPenalty : logits[id] * repetitionPenalty;
  }
  const likeliest = argmax(logits);
  if (temperature === 0) return likeliest;

  const peak = logits[likeliest];
  const weights = new Float64Array(logits.length);
  let total = 0;
  for (let id = 0; id < logits.length; id++) total += weights[id] = Math.exp((logits[id] - peak) / temperature);
  if (topK === 0 && topP === 1) {
    // nothing to rank: min-p alone is a threshold
    if (minP > 0) {
      total = 0;
      for (let id = 0; id < weights.length; id++) total += weights[id] = weights[id] >= minP ? weights[id] : 0;
    }
    return draw(weights.keys(), weights, total, random) ?? likeliest;
  }
  const kept = rank(weights, topK, topP, minP);
  return (
    draw(
      kept,
      weights,
      kept.reduce((sum, id) => sum + weights[id], 0),
      random,
    ) ?? likeliest
  );
}

/** The first of the largest logits. */
export function argmax(logits: Float32Array): number {
  let best = -1;
  let peak = -Infinity;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id];
    if (logit > peak) {
      peak = logit;
      best = id;
    } else if (Number.isNaN(logit)) {
      return likeliest(-1 - id, logits.length);
    }
  }
  return likeliest(best === -1 ? -1 - logits.length : best, logits.length);
}

/**
 * The token at an `index` that the op `argmax` gave for its logits.
 *
 * @throws RangeError if it says that there is none.
 */
export function likeliest(index: number, vocabSize: number): number {
  if (index >= 0) return index;
  const id = -1 - index;
  if (id === vocabSize) throw new RangeError("Cannot pick a token: no logit is above -Infinity");
  throw new RangeError(`Cannot pick a token: the logit of token ${id} is NaN; the weights or the state are damaged`);
}

function draw(ids: Iterable<number>, weights: Float64Array, total: number, random: RandomSource): number | undefined {
  let left = random.next() * total;
  let last: number | undefined;
  for (const id of ids) {
    if (weights[id] === 0) continue;
    last = id;
    left -= weights[id];
    if (left < 0) break;
  }
  return last;
}

/** Ids that survive top-k, top-p and min-p, likeliest first. */
function rank(weights: Float64Array, topK: number, topP: number, minP: number): number[] {
  const ordered = likeliestFirst(weights);
  const limit = topK === 0 ? weights.length : Math.min(topK, weights.length);
  const ranked: number[] = [];
  // top-p counts the probability that top-k has left
  let total = topK === 0 ? weights.reduce((sum, weight) => sum + weight, 0) : 0;
  if (topK > 0) {
    while (ranked.length < limit) ranked.push(ordered.next().value!);
    total = ranked.reduce((sum, id) => sum + weights[id], 0);
  }
  let sum = 0;
  for (let i = 0; i < limit; i++) {
    if (i === ranked.length) ranked.push(ordered.next().value!);
    if (i > 0 && (sum >= topP * total || weights[ranked[i]] < minP)) return ranked.slice(0, i);
    sum += weights[ranked[i]];
  }
  return ranked;
}

/** Upper half of the bits of 1, the largest weight. */
const ONE = 0x3ff00000;
/** Bands of weights, eight for every power of two: bits that a band does not look at, and their number. */
const BAND_BITS = 17;
const BANDS = (ONE >> BAND_BITS) + 1;

/**
 * Ids of weights up to 1 from the largest on, equals by id. They are sorted a few bands at a time, so that those which nobody
 * asks for are counted only.
 */
function* likeliestFirst(weights: Float64Array): Generator<number, undefined> {
  const bits = new Int32Array(weights.buffer, weights.byteOffset, 2 * weights.length);
  const bandOf = (id: number) => Math.max(0, ONE - bits[2 * id + 1]) >> BAND_BITS;
  const counts = new Uint32Array(BANDS);
  for (let id = 0; id < weights.length; id++) counts[bandOf(id)]++;
  let left = weights.length;
  for (let from = 0, to = 0, enough = 64; left > 0; from = to, enough *= 8) {
    let size = 0;
    while (size < Math.min(enough, left)) size += counts[to++];
    left -= size;
    const ids = new Int32Array(size);
    for (let id = 0, i = 0; i < size; id++) {
      const band = bandOf(id);
      if (from <= band && band < to) ids[i++] = id;
    }
    yield* ids.toSorted((a, b) => weights[b] - weights[a] || a - b);
  }
}
