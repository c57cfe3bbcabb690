/**
 * Looks for stop strings in text that arrives in pieces, and holds back what might become one.
 *
 * ```ts
 * const stops = new StopStrings(["\n\n"]);
 * stops.push("The end.\n"); // "The end."
 * stops.push("\nMore"); // "", and stops.found is true
 * ```
 */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = "";
  #found = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  get found(): boolean {
    return this.#found;
  }

  /** Takes the next piece; gives the text that is certain to stand before any stop string. */
  push(piece: string): string {
    if (this.#found) return "";
    const text = this.#held + piece;
    const at = this.#stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
    if (at.length > 0) {
      this.#found = true;
      this.#held = "";
      return text.slice(0, Math.min(...at));
    }
    const held = Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)));
    this.#held = text.slice(text.length - held);
    return text.slice(0, text.length - held);
  }

  /** Gives what was held back, when no more is to come. */
  flush(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}

/** Length of the longest end of `text` with which `stop` begins. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
