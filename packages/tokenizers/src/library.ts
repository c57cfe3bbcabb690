import * as library from "@huggingface/tokenizers";

/** The two parts of `@huggingface/tokenizers` that stand here; the README says what was wrong with the others. */
interface Library {
  /** Translates a pattern written for Oniguruma. */
  readonly SplitPreTokenizer: new (config: { pattern: { Regex: string } }) => { readonly pattern: RegExp | null };
  /** SentencePiece's own normalisation, approximately. */
  readonly PrecompiledNormalizer: new (config: object) => { normalize(text: string): string };
}

// the library's declarations import each other without file endings, so under Node's resolution they export nothing
const untyped = library as unknown as Library;

export const SplitPreTokenizer = untyped.SplitPreTokenizer;
export const PrecompiledNormalizer = untyped.PrecompiledNormalizer;
