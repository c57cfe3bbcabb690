/** How fast prompts were read and tokens made; `null` where too little happened to tell. */
export interface Speed {
  readonly promptTokens: number;
  readonly promptTokensPerSecond: number | null;
  readonly tokens: number;
  readonly tokensPerSecond: number | null;
}

/** Times a generation; starts when it is made. Prompts are read first, one after the other, then all go on together. */
export class Stopwatch {
  readonly #began = performance.now();
  readonly #sequences = new Set<number>();
  #read = this.#began;
  #last = this.#began;
  #tokens = 0;

  /** A token of sequence `index` is there. The first one of a sequence ends the reading of its prompt. */
  token(index: number): void {
    this.#last = performance.now();
    this.#tokens++;
    if (this.#sequences.has(index)) return;
    this.#sequences.add(index);
    this.#read = this.#last;
  }

  speed(promptTokens: number): Speed {
    const rate = (count: number, from: number, to: number) =>
      count > 0 && to > from ? (1000 * count) / (to - from) : null;
    return {
      promptTokens,
      promptTokensPerSecond: rate(promptTokens, this.#began, this.#read),
      tokens: this.#tokens,
      tokensPerSecond: rate(this.#tokens - this.#sequences.size, this.#read, this.#last),
    };
  }
}
