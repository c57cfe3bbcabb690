import type { JsonField } from "./json-field.ts";
import type { Normalize } from "./text/normalize.ts";
import { escapePattern } from "./text/pattern.ts";

/** A token that is found in the text before any model sees it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Matches only where no letter, digit or mark touches it. */
  readonly singleWord: boolean;
  /** Takes the white space to its left, or right, along. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Is looked for in the normalised text. */
  readonly normalized: boolean;
  readonly special: boolean;
}

/** A stretch of text: an added token, or (`id` undefined) text between two. */
export interface Section {
  readonly text: string;
  readonly id: number | undefined;
}

/** Reads one added token; `id` stands in the field, or is the field's name in older files. */
export function readAddedToken(field: JsonField, id = field.get("id").count()): AddedToken {
  const special = field.get("special").boolean(false);
  return {
    id,
    content: field.get("content").string(),
    singleWord: field.get("single_word").boolean(false),
    lstrip: field.get("lstrip").boolean(false),
    rstrip: field.get("rstrip").boolean(false),
    normalized: field.get("normalized").boolean(!special),
    special,
  };
}

/** Cuts text at added tokens: at the plain ones first, then, what lies between normalised, at those that ask for it. */
export class AddedTokenSplitter {
  readonly #plain: TokenFinder;
  readonly #normalized: TokenFinder;
  readonly #normalize: Normalize;

  constructor(tokens: readonly AddedToken[], normalize: Normalize) {
    this.#plain = new TokenFinder(tokens.filter((token) => !token.normalized).map((token) => [token.content, token]));
    this.#normalized = new TokenFinder(
      tokens.filter((token) => token.normalized).map((token) => [normalize(token.content), token]),
    );
    this.#normalize = normalize;
  }

  split(text: string): Section[] {
    return this.#plain
      .split(text)
      .flatMap((section) =>
        section.id === undefined ? this.#normalized.split(this.#normalize(section.text)) : [section],
      );
  }
}

const WORD_CHAR = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200C\\u200D]";
const WORD_BEFORE = new RegExp(`${WORD_CHAR}$`, "u");
const WORD_AFTER = new RegExp(`^${WORD_CHAR}`, "u");
const SPACE = /\p{White_Space}/u;

/** Finds tokens from left to right, at each place the longest. */
class TokenFinder {
  readonly #pattern: RegExp | undefined;
  readonly #tokens: ReadonlyMap<string, AddedToken>;

  constructor(tokens: readonly (readonly [text: string, token: AddedToken])[]) {
    // of tokens that look the same, a special one counts, then the earlier one: later entries of a Map replace earlier ones
    const byWeight = tokens.toReversed().toSorted(([, a], [, b]) => Number(a.special) - Number(b.special));
    this.#tokens = new Map(byWeight.filter(([text]) => text !== ""));
    const texts = [...this.#tokens.keys()].toSorted((a, b) => b.length - a.length);
    this.#pattern = texts.length === 0 ? undefined : new RegExp(texts.map(escapePattern).join("|"), "gu");
  }

  split(text: string): Section[] {
    if (text === "") return [];
    if (this.#pattern === undefined) return [{ text, id: undefined }];
    const sections: Section[] = [];
    let done = 0;
    for (const match of text.matchAll(this.#pattern)) {
      const token = this.#tokens.get(match[0])!;
      let start = match.index;
      let end = start + match[0].length;
      if (token.singleWord && touchesWord(text, start, end)) continue;
      if (token.lstrip) {
        // the token before may have taken this one's space already, even the whole of it
        start = Math.max(start, done);
        while (start > done && SPACE.test(text[start - 1])) start--;
      }
      if (token.rstrip) while (end < text.length && SPACE.test(text[end])) end++;
      if (done < start) sections.push({ text: text.slice(done, start), id: undefined });
      if (start < end) sections.push({ text: text.slice(start, end), id: token.id });
      done = end;
    }
    if (done < text.length) sections.push({ text: text.slice(done), id: undefined });
    return sections;
  }
}

/** Whether a word goes on before `start` or after `end`; a character may be two code units long. */
function touchesWord(text: string, start: number, end: number): boolean {
  return WORD_BEFORE.test(text.slice(Math.max(0, start - 2), start)) || WORD_AFTER.test(text.slice(end, end + 2));
}
