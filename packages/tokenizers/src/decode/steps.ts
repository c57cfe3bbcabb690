import { charsToBytes, fallbackByte } from "../text/bytes.ts";
import { chain, mapTokens, type DecodeStep } from "./sink.ts";

/** Makes one token of all. */
export const fuse: DecodeStep = (next) => ({
  write: (text) => next.write(text),
  endToken() {},
  end() {
    next.endToken();
    next.end();
  },
});

/** Byte-level tokens to text: characters appear when their last byte has come, broken ones as U+FFFD. */
export const byteLevel: DecodeStep = (next) => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let token = "";
  return {
    write: (text) => void (token += text),
    endToken() {
      next.write(decoder.decode(charsToBytes(token), { stream: true }));
      token = "";
    },
    end() {
      next.write(decoder.decode());
      next.endToken();
      next.end();
    },
  };
};

/**
 * Runs of `<0x..>` tokens to text. A run that is not valid UTF-8 becomes one U+FFFD a byte, good characters in it too,
 * so nothing of a run can be told before it ends.
 */
export const byteFallback: DecodeStep = (next) => {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let token = "";
  let run: number[] = [];
  const endRun = () => {
    if (run.length === 0) return;
    next.write(decodeRun(decoder, run));
    next.endToken();
    run = [];
  };
  return {
    write: (text) => void (token += text),
    endToken() {
      const byte = fallbackByte(token);
      if (byte === undefined) {
        endRun();
        next.write(token);
        next.endToken();
      } else {
        run.push(byte);
      }
      token = "";
    },
    end() {
      endRun();
      next.end();
    },
  };
};

function decodeRun(decoder: TextDecoder, run: readonly number[]): string {
  try {
    return decoder.decode(Uint8Array.from(run));
  } catch {
    return "\uFFFD".repeat(run.length);
  }
}

/** Replaces a text in each token; of a long token nothing waits but what may yet become a match. */
export function replaceText(from: string, to: string): DecodeStep {
  return (next) => {
    let held = "";
    return {
      write(text) {
        if (held === "" && !text.includes(from[0])) return next.write(text);
        const parts = (held + text).split(from);
        const rest = parts.pop()!;
        const keep = overlap(rest, from);
        held = rest.slice(rest.length - keep);
        next.write(parts.map((part) => part + to).join("") + rest.slice(0, rest.length - keep));
      },
      endToken() {
        next.write(held);
        next.endToken();
        held = "";
      },
      end: () => next.end(),
    };
  };
}

/** The length of the longest end of `text` that begins `pattern`. */
function overlap(text: string, pattern: string): number {
  let length = Math.min(text.length, pattern.length - 1);
  while (length > 0 && !text.endsWith(pattern.slice(0, length))) length--;
  return length;
}

/** Removes up to `start` times the character `content` from the start of each token, and up to `stop` times from its end. */
export function strip(content: string, start: number, stop: number): DecodeStep {
  return (next) => {
    let toSkip = start;
    let held = 0;
    return {
      write(text) {
        while (toSkip > 0 && text !== "") {
          if (text.startsWith(content)) text = text.slice(content.length);
          else toSkip = 1;
          toSkip--;
        }
        if (text === "") return;
        const body = content.repeat(held) + text;
        let end = body.length;
        for (held = 0; held < stop && body.endsWith(content, end); held++) end -= content.length;
        next.write(body.slice(0, end));
      },
      endToken() {
        next.endToken();
        toSkip = start;
        held = 0;
      },
      end: () => next.end(),
    };
  };
}

/** Metaspace tokens to text: the mark is a space, except in the first token if encoding put it there. */
export function metaspace(replacement: string, dropsFirst: boolean): DecodeStep {
  return mapTokens((token, first) => token.replaceAll(replacement, first && dropsFirst ? "" : " "));
}

/** WordPiece tokens to text: a space before each token that does not continue a word. */
export function wordPiece(prefix: string, cleanUp: boolean): DecodeStep {
  return mapTokens((token, first) => {
    const text = first ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
    return cleanUp ? tidyToken(text) : text;
  });
}

/** The end-of-word mark is a space, except in the last token, so one token waits for the next. */
export function wordEnd(suffix: string): DecodeStep {
  return (next) => {
    let token = "";
    let waiting: string | undefined;
    const flush = (replacement: string) => {
      if (waiting === undefined) return;
      next.write(waiting.replaceAll(suffix, replacement));
      next.endToken();
    };
    return {
      write: (text) => void (token += text),
      endToken() {
        flush(" ");
        waiting = token;
        token = "";
      },
      end() {
        flush("");
        next.end();
      },
    };
  };
}

/** Connectionist temporal classification: repeated tokens count once, padding not at all. */
export function ctc(padToken: string, delimiter: string, cleanUp: boolean): DecodeStep {
  return (next) => {
    let token = "";
    let last: string | undefined;
    return {
      write: (text) => void (token += text),
      endToken() {
        if (token !== last) {
          const text = token.replaceAll(padToken, "");
          next.write(cleanUp ? tidyToken(text).replaceAll(delimiter, " ") : text);
          if (text !== "") next.endToken();
        }
        last = token;
        token = "";
      },
      end: () => next.end(),
    };
  };
}

/** One space between tokens: what decoding does without a decoder. */
export const spaced: DecodeStep = mapTokens((token, first) => (first ? token : ` ${token}`));

const TIDIED = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
] as const;

/** Removes the spaces before punctuation and English contractions from the whole text, as transformers does. */
export const cleanUp: DecodeStep = chain([fuse, ...TIDIED.map(([from, to]) => replaceText(from, to))]);

/** The same within one token, as tokenizers does, which knows one more contraction. */
function tidyToken(token: string): string {
  return TIDIED.reduce((text, [from, to]) => text.replaceAll(from, to), token).replaceAll(" do not", " don't");
}
