import { byteLevel } from "./decode/steps.ts";
import type { Pieces } from "./models/vocab.ts";
import { byteToChar } from "./text/bytes.ts";
import { joinSequences } from "./post-process.ts";
import { TextTokenizer } from "./text-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** The special ids of a byte-level model, each 256 or more. */
export interface ByteTokenizerOptions {
  /** Put before every text unless `specialTokens` is false. */
  readonly bosId?: number;
  readonly eosId?: number;
  readonly padId?: number;
}

/**
 * A tokenizer without a file: ids 0 to 255 are the bytes of UTF-8. Text never becomes a special id.
 *
 * @throws RangeError if a special id is a byte's, or not a whole number.
 *
 * @example
 * byteTokenizer({ bosId: 256 }).encode("hé"); // [256, 104, 195, 169]
 */
export function byteTokenizer({ bosId, eosId, padId }: ByteTokenizerOptions = {}): Tokenizer {
  const tokenOf = new Map(Array.from({ length: 256 }, (_, byte) => [byte, byteToChar(byte)]));
  for (const [name, id] of Object.entries({ bosId, eosId, padId })) {
    if (id === undefined) continue;
    if (!Number.isSafeInteger(id) || id < 256)
      throw new RangeError(`Cannot make a byte tokenizer: ${name} is ${id}, needed a whole number from 256`);
    // one id may have two uses, and is named after the first
    if (!tokenOf.has(id)) tokenOf.set(id, `<${name.slice(0, 3)}>`);
  }
  const encoder = new TextEncoder();
  const opening: Pieces = bosId === undefined ? { ids: [], texts: [] } : { ids: [bosId], texts: [tokenOf.get(bosId)!] };
  return new TextTokenizer({
    pieces(text) {
      const ids = Array.from(encoder.encode(text));
      return { ids, texts: ids.map(byteToChar) };
    },
    postProcess: (sequences, specialTokens) =>
      joinSequences(specialTokens ? sequences.map((sequence) => concat(opening, sequence)) : sequences),
    decodeStep: byteLevel,
    idOf: new Map(Array.from(tokenOf, ([id, token]) => [token, id])),
    tokenOf,
    specialIds: new Set([...tokenOf.keys()].filter((id) => id > 255)),
    roles: { bos: bosId, eos: eosId, pad: padId },
  });
}

function concat(a: Pieces, b: Pieces): Pieces {
  return { ids: a.ids.concat(b.ids), texts: a.texts.concat(b.texts) };
}
