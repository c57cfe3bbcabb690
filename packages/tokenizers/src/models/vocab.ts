import type { JsonField } from "../json-field.ts";

/** Token ids and, at the same places, what stands for them in the text. */
export interface Pieces {
  readonly ids: number[];
  readonly texts: string[];
}

/** The part of a tokenizer that turns one word into tokens. */
export interface Model {
  readonly vocab: Vocab;
  /** What stands for text that no token covers, if the model has such a token. */
  readonly unkId: number | undefined;
  /** Appends the tokens of `word` to `out`. */
  tokenize(word: string, out: Pieces): void;
}

/** Tokens by id and ids by token; where a token is listed twice, its last id counts and both ids name it. */
export class Vocab {
  readonly idOf: ReadonlyMap<string, number>;
  readonly tokenOf: ReadonlyMap<number, string>;

  constructor(entries: readonly (readonly [token: string, id: number])[]) {
    this.idOf = new Map(entries);
    this.tokenOf = new Map(entries.map(([token, id]) => [id, token]));
  }
}

/** Reads a vocabulary written as an object of token to id. */
export function readVocab(field: JsonField): Vocab {
  const vocab = new Vocab(Object.entries(field.object()) as [string, number][]);
  for (const [token, id] of vocab.idOf) {
    if (!Number.isSafeInteger(id) || id < 0) field.get(token).wrongKind("a whole number from 0");
  }
  return vocab;
}
