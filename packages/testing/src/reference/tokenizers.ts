import { createTokenizer, type ChatMessage, type Tokenizer } from "@elapid/tokenizers";

/** A tokenizer's folder of a reference tree, its files parsed. */
export interface TokenizerFolder {
  /** The folder's name. */
  readonly name: string;
  readonly tokenizer: unknown;
  readonly config?: unknown;
  readonly chatTemplate?: string;
  readonly expected: ExpectedTokenizer;
}

/** `expected.json` of such a folder; every group of cases may be missing. */
export interface ExpectedTokenizer {
  readonly vocab_size?: number;
  readonly cases?: readonly TextCase[];
  readonly pairs?: readonly PairCase[];
  readonly decode_cases?: readonly DecodeCase[];
  readonly chat?: readonly ChatCase[];
}

interface TextCase {
  readonly text: string;
  readonly ids: readonly number[];
  readonly ids_special: readonly number[];
  readonly tokens?: readonly string[];
  readonly decoded?: string;
  readonly decoded_keep_special?: string;
  readonly decoded_special?: string;
  readonly decoded_special_keep_special?: string;
}

interface PairCase {
  readonly a: string;
  readonly b: string;
  readonly ids_special: readonly number[];
  readonly type_ids?: readonly number[];
}

interface DecodeCase {
  readonly ids: readonly number[];
  readonly decoded: string;
  readonly decoded_keep_special: string;
}

interface ChatCase {
  readonly messages: readonly ChatMessage[];
  readonly add_generation_prompt?: boolean;
  readonly tools?: readonly unknown[];
  readonly rendered?: string;
  readonly error?: string;
  readonly ids?: readonly number[];
}

/** Which cases agree; `id` is `tokenizers/<name>/<group>/<index>`. */
export interface TokenizerReport {
  readonly passed: string[];
  readonly failed: { readonly id: string; readonly what: string }[];
}

/** Checks elapid against every case of a reference folder. Encodings, decodings and their streamed forms must be equal. */
export async function checkTokenizer({
  name,
  tokenizer: json,
  config,
  chatTemplate,
  expected,
}: TokenizerFolder): Promise<TokenizerReport> {
  const report: TokenizerReport = { passed: [], failed: [] };
  const check = (group: string, index: number, differences: () => Iterable<string>) => {
    const id = `tokenizers/${name}/${group}/${index}`;
    let found: string[];
    try {
      found = [...differences()];
    } catch (error) {
      found = [`threw ${String(error)}`];
    }
    if (found.length === 0) report.passed.push(id);
    else report.failed.push({ id, what: found.join("; ") });
  };

  let tokenizer: Tokenizer;
  try {
    tokenizer = await createTokenizer({ tokenizer: json, config, chatTemplate });
  } catch (error) {
    report.failed.push({ id: `tokenizers/${name}/load/0`, what: `threw ${String(error)}` });
    return report;
  }
  check("load", 0, () => differences("vocab_size", tokenizer.vocabSize, expected.vocab_size));
  expected.cases?.forEach((item, i) => check("cases", i, () => textDifferences(tokenizer, item)));
  expected.pairs?.forEach((item, i) => check("pairs", i, () => pairDifferences(tokenizer, item)));
  expected.decode_cases?.forEach((item, i) => check("decode_cases", i, () => decodeDifferences(tokenizer, item)));
  expected.chat?.forEach((item, i) => check("chat", i, () => chatDifferences(tokenizer, item)));
  return report;
}

function* textDifferences(tokenizer: Tokenizer, item: TextCase): Iterable<string> {
  yield* differences("ids", tokenizer.encode(item.text, { specialTokens: false }), item.ids);
  yield* differences("ids_special", tokenizer.encode(item.text), item.ids_special);
  yield* differences("tokens", tokenizer.tokens(item.text, { specialTokens: false }), item.tokens);
  yield* decodings(tokenizer, "decoded", item.ids, true, item.decoded);
  yield* decodings(tokenizer, "decoded_keep_special", item.ids, false, item.decoded_keep_special);
  yield* decodings(tokenizer, "decoded_special", item.ids_special, true, item.decoded_special);
  yield* decodings(
    tokenizer,
    "decoded_special_keep_special",
    item.ids_special,
    false,
    item.decoded_special_keep_special,
  );
}

function* pairDifferences(tokenizer: Tokenizer, item: PairCase): Iterable<string> {
  const { ids, typeIds } = tokenizer.encodePair(item.a, item.b);
  yield* differences("ids_special", ids, item.ids_special);
  yield* differences("type_ids", typeIds, item.type_ids);
}

function* decodeDifferences(tokenizer: Tokenizer, item: DecodeCase): Iterable<string> {
  yield* decodings(tokenizer, "decoded", item.ids, true, item.decoded);
  yield* decodings(tokenizer, "decoded_keep_special", item.ids, false, item.decoded_keep_special);
}

function* chatDifferences(tokenizer: Tokenizer, item: ChatCase): Iterable<string> {
  let rendered: string;
  try {
    rendered = tokenizer.applyChatTemplate(item.messages, {
      addGenerationPrompt: item.add_generation_prompt,
      tools: item.tools,
    });
  } catch (error) {
    if (item.error === undefined || !String(error).includes(item.error))
      yield `threw ${String(error)}, wanted ${item.error ?? "text"}`;
    return;
  }
  if (item.error !== undefined) yield `rendered, wanted the error ${item.error}`;
  yield* differences("rendered", rendered, item.rendered);
  yield* differences("ids", tokenizer.encode(rendered, { specialTokens: false }), item.ids);
}

/** Decodes at once and in a stream; no piece of the stream may end within a character. */
function* decodings(
  tokenizer: Tokenizer,
  what: string,
  ids: readonly number[],
  skipSpecialTokens: boolean,
  wanted: string | undefined,
) {
  yield* differences(what, tokenizer.decode(ids, { skipSpecialTokens }), wanted);
  const decoder = tokenizer.stream({ skipSpecialTokens });
  const pieces = [...ids.map((id) => decoder.push(id)), decoder.flush()];
  yield* differences(`${what} streamed`, pieces.join(""), wanted);
  if (pieces.some((piece) => /\p{Surrogate}/u.test(piece))) yield `${what} streamed: a piece ends within a character`;
}

/** Says how `got` differs from `wanted`; what the reference does not say is not compared. */
function* differences<T>(what: string, got: T, wanted: T | undefined): Iterable<string> {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (wanted !== undefined && a !== b) yield `${what}: got ${shorten(a)}, wanted ${shorten(b)}`;
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
