/**
 * Where a decoding step writes: text arrives in order, cut into tokens, and a token may come in several writes.
 *
 * Steps are written this way, and not as functions of whole arrays, so that one form of each serves both `decode` and
 * `stream`: what a stream says is what decoding the whole says, because it is the same code.
 */
export interface Sink {
  write(text: string): void;
  /** The token written so far is complete. */
  endToken(): void;
  /** No more tokens follow. */
  end(): void;
}

/** Makes a decoding step that writes to `next`; each text needs a new one. */
export type DecodeStep = (next: Sink) => Sink;

/** A step that changes each token as a whole, knowing whether it is the first. */
export function mapTokens(change: (token: string, first: boolean) => string): DecodeStep {
  return (next) => {
    let token = "";
    let first = true;
    return {
      write: (text) => void (token += text),
      endToken() {
        next.write(change(token, first));
        next.endToken();
        token = "";
        first = false;
      },
      end: () => next.end(),
    };
  };
}

/** Joins steps into one. */
export function chain(steps: readonly DecodeStep[]): DecodeStep {
  return (next) => steps.reduceRight((sink, step) => step(sink), next);
}
