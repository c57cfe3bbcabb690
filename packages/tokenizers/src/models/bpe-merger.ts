/** Two neighbouring ids and the one that takes their place. */
export interface MergeRule {
  readonly left: number;
  readonly right: number;
  readonly merged: number;
}

// A pair of ids and a (rank, position) are each kept in one number; both stay below 2^53.
const ID_LIMIT = 2 ** 26;
const POSITION_LIMIT = 2 ** 31;

/**
 * Applies merge rules to a word: the earliest rule first, from left to right, until none fits.
 *
 * A heap of candidates over a linked list, so a word of n symbols costs O(n log n): a tokenizer without a
 * pre-tokenizer has the whole text as one word.
 */
export class BpeMerger {
  readonly #rules: readonly MergeRule[];
  readonly #rankOf = new Map<number, number>();

  constructor(rules: readonly MergeRule[]) {
    this.#rules = rules;
    rules.forEach(({ left, right }, rank) => this.#rankOf.set(left * ID_LIMIT + right, rank));
  }

  /** The ids after all merges; `symbols` is used up. */
  merge(symbols: number[]): number[] {
    const size = symbols.length;
    if (size < 2) return symbols;
    const next = Int32Array.from({ length: size }, (_, i) => (i + 1 < size ? i + 1 : -1));
    const previous = Int32Array.from({ length: size }, (_, i) => i - 1);
    const heap = new NumberHeap();
    const offer = (at: number) => {
      if (at < 0 || next[at] < 0) return;
      const rank = this.#rankOf.get(symbols[at] * ID_LIMIT + symbols[next[at]]);
      if (rank !== undefined) heap.push(rank * POSITION_LIMIT + at);
    };
    for (let at = 0; at < size; at++) offer(at);
    while (heap.size > 0) {
      const candidate = heap.pop();
      const at = candidate % POSITION_LIMIT;
      const right = next[at];
      if (symbols[at] < 0 || right < 0) continue;
      const rank = this.#rankOf.get(symbols[at] * ID_LIMIT + symbols[right]);
      const { merged } = this.#rules[Math.floor(candidate / POSITION_LIMIT)];
      // a neighbour merged since: the candidate stands only if the pair here now makes the same token
      if (rank === undefined || this.#rules[rank].merged !== merged) continue;
      symbols[at] = merged;
      symbols[right] = -1;
      next[at] = next[right];
      if (next[at] >= 0) previous[next[at]] = at;
      offer(previous[at]);
      offer(at);
    }
    return symbols.filter((id) => id >= 0);
  }
}

/** A binary heap of numbers, the smallest on top. */
class NumberHeap {
  readonly #values: number[] = [];

  get size(): number {
    return this.#values.length;
  }

  push(value: number): void {
    const values = this.#values;
    let at = values.length;
    values.push(value);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (values[parent] <= value) break;
      values[at] = values[parent];
      at = parent;
    }
    values[at] = value;
  }

  pop(): number {
    const values = this.#values;
    const top = values[0];
    const last = values.pop()!;
    if (values.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= values.length) break;
      if (child + 1 < values.length && values[child + 1] < values[child]) child++;
      if (values[child] >= last) break;
      values[at] = values[child];
      at = child;
    }
    values[at] = last;
    return top;
  }
}
