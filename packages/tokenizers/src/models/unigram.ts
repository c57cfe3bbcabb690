import type { JsonField } from "../json-field.ts";
import { fallbackTokens } from "../text/bytes.ts";
import { Vocab, type Model, type Pieces } from "./vocab.ts";

interface TrieNode {
  readonly next: Map<number, TrieNode>;
  id: number; // of the token that ends here, -1 for none
}

/** How much less likely than the worst token an unknown character is, in log probability; SentencePiece's constant. */
const UNKNOWN_PENALTY = 10;

/** SentencePiece's model: the split of a word whose tokens are the most likely together. */
export function readUnigram(field: JsonField): Model {
  const { tokens, scores } = readScores(field.get("vocab"));
  const vocab = new Vocab(tokens.map((token, id) => [token, id]));
  const unkId = field.get("unk_id").present ? field.get("unk_id").count() : undefined;
  if (unkId !== undefined && unkId >= tokens.length)
    field.get("unk_id").invalid(`is ${unkId} but model.vocab has ${tokens.length} tokens`);
  const byteFallback = field.get("byte_fallback").boolean(false);
  const unkScore = scores.reduce((a, b) => Math.min(a, b), Infinity) - UNKNOWN_PENALTY;
  const trie = buildTrie(vocab);

  /** The end of each token of the most likely split, last first; runs of unknown characters count as one token. */
  function bestEnds(word: string): number[] {
    const size = word.length;
    const best = new Float64Array(size + 1);
    const from = new Int32Array(size + 1).fill(-1);
    const unknown = new Uint8Array(size + 1);
    const offer = (start: number, end: number, score: number, isUnknown: boolean) => {
      if (from[end] >= 0 && best[start] + score <= best[end]) return;
      best[end] = best[start] + score;
      from[end] = start;
      unknown[end] = Number(isUnknown);
    };
    for (let start = 0, width = 0; start < size; start += width) {
      width = word.codePointAt(start)! > 0xffff ? 2 : 1;
      let single = false;
      let node = follow(trie, word, start);
      for (let end = start + 1; node !== undefined; node = follow(node, word, end++)) {
        if (node.id < 0) continue;
        offer(start, end, scores[node.id], node.id === unkId);
        single ||= end === start + width;
      }
      if (!single) offer(start, start + width, unkScore, true);
    }
    const ends: number[] = [];
    for (let end = size; end > 0; end = from[end]) {
      const joinsNext = unknown[end] === 1 && ends.length > 0 && unknown[ends[ends.length - 1]] === 1;
      if (!joinsNext) ends.push(end);
    }
    return ends;
  }

  function push(text: string, out: Pieces): void {
    const id = vocab.idOf.get(text);
    const bytes = id === undefined && byteFallback ? fallbackTokens(text) : [];
    if (bytes.length > 0 && bytes.every((byte) => vocab.idOf.has(byte))) {
      for (const byte of bytes) {
        out.ids.push(vocab.idOf.get(byte)!);
        out.texts.push(byte);
      }
      return;
    }
    const known = id ?? unkId;
    if (known === undefined)
      throw new RangeError(
        `Cannot encode "${text.slice(0, 20)}": no token covers it and the model has no unknown token`,
      );
    out.ids.push(known);
    out.texts.push(text);
  }

  return {
    vocab,
    unkId,
    tokenize(word, out) {
      let start = 0;
      for (const end of bestEnds(word).toReversed()) {
        push(word.slice(start, end), out);
        start = end;
      }
    },
  };
}

function follow(node: TrieNode, word: string, at: number): TrieNode | undefined {
  return at < word.length ? node.next.get(word.charCodeAt(at)) : undefined;
}

function buildTrie(vocab: Vocab): TrieNode {
  const root: TrieNode = { next: new Map(), id: -1 };
  for (const [token, id] of vocab.idOf) {
    let node = root;
    for (let i = 0; i < token.length; i++) {
      const unit = token.charCodeAt(i);
      let child = node.next.get(unit);
      if (child === undefined) node.next.set(unit, (child = { next: new Map(), id: -1 }));
      node = child;
    }
    node.id = id;
  }
  return root;
}

function readScores(field: JsonField): { tokens: string[]; scores: number[] } {
  const tokens: string[] = [];
  const scores: number[] = [];
  field.array().forEach((item, i) => {
    const [token, score] = Array.isArray(item) ? item : [];
    if (typeof token !== "string" || typeof score !== "number") field.at(i).wrongKind("[token, score]");
    tokens.push(token);
    scores.push(score);
  });
  return { tokens, scores };
}
