import type { ChatMessage, ChatTemplateOptions } from "./chat-template.ts";
import type { StreamDecoder } from "./stream.ts";

/** How text becomes ids. */
export interface EncodeOptions {
  /** Adds the tokens that the model expects around a text, such as one that begins it. Default true. */
  readonly specialTokens?: boolean;
}

/** How ids become text. */
export interface DecodeOptions {
  /** Leaves special tokens out. Default true. */
  readonly skipSpecialTokens?: boolean;
  /** Removes the spaces before punctuation, whatever tokenizer_config.json says about it. Default false. */
  readonly cleanUp?: boolean;
}

/** Two texts as one sequence, and for each id the number of the text it belongs to. */
export interface PairEncoding {
  readonly ids: number[];
  readonly typeIds: number[];
}

/**
 * Text to token ids and back.
 *
 * Text is treated as well-formed Unicode: a lone surrogate counts as U+FFFD, as `String.prototype.toWellFormed` has it.
 *
 * @example
 * const ids = tokenizer.encode("Once upon a time");
 * const text = tokenizer.decode(ids);
 */
export interface Tokenizer {
  /** The ids of `text`. @throws RangeError if no token covers a part of it. */
  encode(text: string, options?: EncodeOptions): number[];
  /** The ids of two texts as the model wants pairs. */
  encodePair(first: string, second: string, options?: EncodeOptions): PairEncoding;
  /** The text of `ids`. @throws RangeError if the vocabulary lacks one. */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** What stands at each id of `encode`: mostly the token, but the text itself where a unigram model does not know it. */
  tokens(text: string, options?: EncodeOptions): string[];
  /** The tokens of ids, as the vocabulary writes them. @throws RangeError if the vocabulary lacks one. */
  tokens(ids: Iterable<number>): string[];
  /** A decoder for ids that come one by one. */
  stream(options?: DecodeOptions): StreamDecoder;
  /** How many tokens there are. Ids may have gaps, so the greatest can lie above it. */
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly padId: number | undefined;
  readonly unkId: number | undefined;
  /** The ids that decoding leaves out by default. */
  readonly specialIds: ReadonlySet<number>;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
  readonly hasChatTemplate: boolean;
  /**
   * The text of a chat as the model was trained to read it; encode it with `specialTokens: false`.
   *
   * @throws TypeError if there is no such template.
   * @throws ChatTemplateError if the messages do not suit it.
   */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatTemplateOptions): string;
}
