import type { JsonField } from "../json-field.ts";
import { SplitPreTokenizer } from "../library.ts";

/**
 * The regular expression (flags `gu`) of a `{ "String": ... }` or `{ "Regex": ... }` field.
 *
 * Patterns are written for Oniguruma; the library translates them, which is most of what it does better than we could.
 *
 * @throws SyntaxError if the pattern is of neither kind or has no JavaScript form.
 */
export function readPattern(field: JsonField): RegExp {
  if (field.get("String").present) return literalPattern(field.get("String").string());
  const source = field.get("Regex");
  if (!source.present) return field.invalid('has neither "String" nor "Regex"');
  let pattern: RegExp | null;
  try {
    ({ pattern } = new SplitPreTokenizer({ pattern: { Regex: source.string() } }));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    return source.invalid(`has no JavaScript form: ${cause.message}`);
  }
  return pattern ?? source.invalid("is empty");
}

/** The regular expression (flags `gu`) that matches `text` and nothing else. */
export function literalPattern(text: string): RegExp {
  return new RegExp(escapePattern(text), "gu");
}

/** `text` as the source of a regular expression that matches it. */
export function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
