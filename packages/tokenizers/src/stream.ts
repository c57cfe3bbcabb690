import type { DecodeStep } from "./decode/sink.ts";

/**
 * Decodes ids as they come. The pieces, in order, are what `decode` gives for all ids at once, and no piece ends within
 * a character; what cannot be told yet is held back. Each id costs the same, however many came before.
 */
export interface StreamDecoder {
  /** The text that this id settles, often empty. @throws RangeError if the vocabulary has no such id. */
  push(id: number): string;
  /** Ends the text and gives what was held back; the next `push` begins a new one. */
  flush(): string;
}

/** Runs tokens through a decoding step; `tokenOf` gives undefined for tokens to leave out. */
export function streamDecoder(step: DecodeStep, tokenOf: (id: number) => string | undefined): StreamDecoder {
  let text = "";
  const start = () => step({ write: (piece) => void (text += piece), endToken() {}, end() {} });
  const take = () => {
    const piece = text;
    text = "";
    return piece;
  };
  let sink = start();
  return {
    push(id) {
      const token = tokenOf(id);
      if (token === undefined) return "";
      sink.write(token);
      sink.endToken();
      return take();
    },
    flush() {
      sink.end();
      sink = start();
      return take();
    },
  };
}
