/** A word as ids, and how often it comes. */
interface Word {
  ids: number[];
  readonly count: number;
}

interface Pair {
  readonly left: number;
  readonly right: number;
  readonly count: number;
}

const BASE = 2 ** 25; // above every id: a pair is one number

/**
 * How often each pair of neighbouring tokens comes in some words. A merge touches only the words that have the pair; the
 * most frequent one is on top of a heap whose outdated entries are corrected when they come up.
 */
export class PairCounts {
  readonly #words: readonly Word[];
  readonly #counts = new Map<number, number>();
  /** Words that have a pair, or had it once. */
  readonly #places = new Map<number, Set<number>>();
  readonly #heap: Pair[] = [];

  constructor(words: readonly Word[]) {
    this.#words = words;
    words.forEach((_, i) => this.#count(i, 1));
    for (const key of this.#counts.keys()) this.#push(key);
  }

  /** The most frequent pair, of several the one of the smallest ids. */
  takeBest(): Pair | undefined {
    for (;;) {
      const top = pop(this.#heap);
      if (top === undefined) return undefined;
      const key = top.left * BASE + top.right;
      const count = this.#counts.get(key) ?? 0;
      if (count === top.count) return top;
      if (count > 0) this.#push(key);
    }
  }

  /** Puts a token in the place of every such pair. */
  merge(left: number, right: number, id: number): void {
    const key = left * BASE + right;
    const changed = new Set<number>();
    for (const i of this.#places.get(key) ?? []) {
      this.#count(i, -1);
      this.#words[i].ids = merged(this.#words[i].ids, left, right, id);
      this.#count(i, 1, changed);
    }
    this.#places.delete(key);
    this.#counts.delete(key);
    for (const pair of changed) this.#push(pair);
  }

  #count(index: number, sign: 1 | -1, changed?: Set<number>): void {
    const { ids, count } = this.#words[index];
    for (let i = 0; i + 1 < ids.length; i++) {
      const key = ids[i] * BASE + ids[i + 1];
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + sign * count);
      if (sign === -1) continue;
      changed?.add(key);
      const places = this.#places.get(key);
      if (places === undefined) this.#places.set(key, new Set([index]));
      else places.add(index);
    }
  }

  #push(key: number): void {
    const count = this.#counts.get(key) ?? 0;
    if (count > 0) push(this.#heap, { left: Math.floor(key / BASE), right: key % BASE, count });
  }
}

/** From left to right, without overlap. */
function merged(ids: readonly number[], left: number, right: number, id: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    const isPair = ids[i] === left && ids[i + 1] === right;
    result.push(isPair ? id : ids[i]);
    if (isPair) i++;
  }
  return result;
}

function isBefore(a: Pair, b: Pair): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.left === b.left ? a.right < b.right : a.left < b.left;
}

function push(heap: Pair[], pair: Pair): void {
  let at = heap.push(pair) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(pair, heap[parent])) break;
    heap[at] = heap[parent];
    at = parent;
  }
  heap[at] = pair;
}

function pop(heap: Pair[]): Pair | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return last;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
    if (!isBefore(heap[child], last)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = last;
  return top;
}
