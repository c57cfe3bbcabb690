import { openBytes } from "@elapid/loaders";

const CHUNK_BYTES = 2 ** 20;
/** A line longer than this is handed out in parts. */
const LONGEST_LINE = 2 ** 20;

export interface ReadTextOptions {
  readonly signal?: AbortSignal;
}

/**
 * The text of a file, gzipped or not, in pieces that end with a line, so that no word is cut. At no time is more than a
 * piece in memory.
 *
 * @param location a path, a URL, a `File` or `Blob`, or bytes; UTF-8
 * @throws SyntaxError if it is no text, or its compression is damaged.
 */
export async function* readText(
  location: string | URL | Uint8Array | Blob,
  { signal }: ReadTextOptions = {},
): AsyncGenerator<string> {
  const source = await openBytes(location, { ...(signal && { signal }) });
  const refuse = (why: string, cause?: unknown) => new SyntaxError(`Cannot read "${source.name}": ${why}`, { cause });
  async function* stored(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < source.size; at += CHUNK_BYTES) {
      signal?.throwIfAborted();
      yield await source.read(at, Math.min(CHUNK_BYTES, source.size - at));
    }
  }
  try {
    const [first, second] = await source.read(0, Math.min(2, source.size));
    const bytes = first === 0x1f && second === 0x8b ? gunzip(stored(), refuse) : stored();
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const decode = (chunk?: Uint8Array) => {
      let text: string;
      try {
        text = decoder.decode(chunk, { stream: chunk !== undefined });
      } catch (error) {
        throw refuse("it is not UTF-8 text", error);
      }
      if (text.includes("\0")) throw refuse("it is binary, not text: it has a character 0");
      return text;
    };
    let rest = "";
    for await (const chunk of bytes) {
      rest += decode(chunk);
      const end = rest.length > LONGEST_LINE ? rest.length : rest.lastIndexOf("\n") + 1;
      if (end > 0) yield rest.slice(0, end);
      rest = rest.slice(end);
    }
    rest += decode();
    if (rest !== "") yield rest;
  } finally {
    await source.close();
  }
}

/**
 * Cuts text at every `separator`; spaces around a document and empty documents are left out.
 *
 * ```ts
 * splitDocuments(readText("stories.txt.gz"), "<|endoftext|>");
 * ```
 */
export async function* splitDocuments(pieces: AsyncIterable<string>, separator: string): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of pieces) {
    const documents = (rest + piece).split(separator);
    rest = documents.pop()!;
    yield* documents.map((text) => text.trim()).filter((text) => text !== "");
  }
  if (rest.trim() !== "") yield rest.trim();
}

async function* gunzip(
  bytes: AsyncGenerator<Uint8Array>,
  refuse: (why: string, cause: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  let failure: unknown;
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { done, value } = await bytes.next();
        if (done) controller.close();
        else controller.enqueue(value as Uint8Array<ArrayBuffer>);
      } catch (error) {
        failure = error;
        controller.error(error);
      }
    },
  });
  const reader = stream.pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw failure ?? refuse("its gzip compression is damaged or ends early", error);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
