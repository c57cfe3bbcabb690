import { allocate, checkRange, type ByteSource } from "./bytes.ts";
import { FetchError } from "./errors.ts";

// every format begins with a header: one request tells the size and brings most headers whole
const HEAD_BYTES = 65536;
const TRANSIENT = new Set([429, 502, 503, 504]);

/** Options of {@link openUrl}. */
export interface OpenUrlOptions {
  /** Rejects the opening with the signal's reason when it aborts; each read has a signal of its own. */
  readonly signal?: AbortSignal;
  /** Sent with every request, for example `{ authorization: "Bearer …" }`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How often a broken connection is tried again within one read. */
  readonly retries?: number;
  /** Milliseconds before the first retry; doubled for each one after it. */
  readonly retryDelay?: number;
  /** Called while a file arrives whole from a server that ignores ranges; `total` is undefined if it did not say. */
  readonly onDownload?: (loaded: number, total: number | undefined) => void;
}

interface Connection {
  readonly url: URL;
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly retries: number;
  readonly retryDelay: number;
}

/**
 * An `http(s)` URL as a source, read with range requests. A server that ignores ranges sends the file
 * once, whole, and it is kept in memory. A read that breaks off goes on where it broke.
 *
 * @throws FetchError if the server refuses, answers with a page of HTML, or keeps breaking off.
 */
export async function openUrl(location: string | URL, options: OpenUrlOptions = {}): Promise<ByteSource> {
  const { signal, headers = {}, retries = 3, retryDelay = 250, onDownload } = options;
  const url = new URL(location);
  const name = url.origin + url.pathname;
  const connection: Connection = { url, name, headers, retries, retryDelay };

  const { head, size } = await retrying(connection, signal, async () => {
    const response = await request(connection, 0, HEAD_BYTES - 1, signal);
    if (response.status === 200) {
      const whole = await download(connection, response, signal, onDownload);
      return { head: whole, size: whole.byteLength };
    }
    const size = totalSize(response) ?? (await sizeByHead(connection, signal));
    const head = await join(name, body(response, signal), response.status === 416 ? 0 : Math.min(size, HEAD_BYTES));
    return { head, size };
  });

  return {
    name,
    size,
    async read(offset, length, { signal, onBytes } = {}) {
      signal?.throwIfAborted();
      checkRange(name, size, offset, length);
      const end = offset + length;
      if (length === 0 || end <= head.byteLength) return head.subarray(offset, end);

      const bytes = allocate(name, length);
      let loaded = 0;
      if (offset < head.byteLength) {
        bytes.set(head.subarray(offset));
        loaded = head.byteLength - offset;
      }
      await retrying(connection, signal, async () => {
        const from = offset + loaded;
        const response = await request(connection, from, end - 1, signal);
        checkAnswer(connection, response, from, size);
        let skip = response.status === 200 ? from : 0;
        for await (const chunk of body(response, signal)) {
          const part = chunk.subarray(Math.min(skip, chunk.byteLength)).subarray(0, length - loaded);
          skip -= Math.min(skip, chunk.byteLength);
          bytes.set(part, loaded);
          loaded += part.byteLength;
          if (part.byteLength > 0) onBytes?.(loaded);
          if (loaded === length) return;
        }
        throw new Interruption(`the connection broke off at byte ${offset + loaded} of ${size}`);
      });
      return bytes;
    },
    close: async () => {},
  };
}

/** A failure that another attempt may not meet. */
class Interruption extends Error {
  readonly status: number | undefined;

  constructor(message: string, options?: { cause?: unknown; status?: number }) {
    super(message, options);
    this.status = options?.status;
  }
}

async function retrying<T>(connection: Connection, signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> {
  const { name, retries, retryDelay } = connection;
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Interruption)) throw error;
      if (tries > retries) {
        const { message, status } = error;
        throw new FetchError(`Cannot fetch "${name}": ${message}, after ${tries} attempts`, { url: name, status, cause: error });
      }
      await pause(retryDelay * 2 ** (tries - 1), signal);
    }
  }
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** One request for the bytes `from` to `last`; the answer is a success, and no HTML. */
async function request(connection: Connection, from: number, last: number, signal?: AbortSignal): Promise<Response> {
  const { url, name, headers } = connection;
  const response = await connect(url, { headers: { ...headers, range: `bytes=${from}-${last}` }, signal });
  const { status } = response;
  // the answer to any range of an empty file
  if (status === 416 && totalSize(response) === 0) return response;
  if (!response.ok) {
    await response.body?.cancel();
    const answer = `the server answered ${status} ${response.statusText}`.trimEnd();
    if (TRANSIENT.has(status)) throw new Interruption(answer, { status });
    throw new FetchError(`Cannot fetch "${name}": ${answer}`, { url: name, status });
  }
  if (/^text\/html\b/i.test(response.headers.get("content-type") ?? "")) {
    await response.body?.cancel();
    throw new FetchError(`Cannot fetch "${name}": the server answered with an HTML page, not a file`, { url: name, status });
  }
  return response;
}

async function connect(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    throw new Interruption(`the connection failed (${innermost(error)})`, { cause: error });
  }
}

function innermost(error: unknown): string {
  const { message, code, cause } = error as { message?: string; code?: string; cause?: unknown };
  return cause instanceof Error ? innermost(cause) : message || code || String(error);
}

async function* body(response: Response, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw new Interruption(`the connection broke off (${innermost(error)})`, { cause: error });
      });
      signal?.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    // what is left is not wanted; a stream that already failed rejects here again
    await reader.cancel().catch(() => {});
  }
}

async function join(name: string, chunks: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  const bytes = allocate(name, length);
  let loaded = 0;
  for await (const chunk of chunks) {
    const part = chunk.subarray(0, length - loaded);
    bytes.set(part, loaded);
    loaded += part.byteLength;
    if (loaded === length) break;
  }
  if (loaded < length) throw new Interruption(`the connection broke off at byte ${loaded} of ${length}`);
  return bytes;
}

async function download(
  { name }: Connection,
  response: Response,
  signal: AbortSignal | undefined,
  onDownload: OpenUrlOptions["onDownload"],
): Promise<Uint8Array> {
  const encoded = response.headers.has("content-encoding");
  const total = encoded ? undefined : contentLength(response);
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  for await (const chunk of body(response, signal)) {
    chunks.push(chunk);
    loaded += chunk.byteLength;
    onDownload?.(loaded, total);
  }
  if (total !== undefined && loaded < total) throw new Interruption(`the connection broke off at byte ${loaded} of ${total}`);
  const bytes = allocate(name, loaded);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

function contentLength(response: Response): number | undefined {
  const text = response.headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function contentRange(response: Response): { start: number | undefined; total: number | undefined } {
  const match = /^bytes (?:(\d{1,15})-\d+|\*)\/(?:(\d{1,15})|\*)$/.exec(response.headers.get("content-range") ?? "");
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  return { start: number(match?.[1]), total: number(match?.[2]) };
}

function totalSize(response: Response): number | undefined {
  return contentRange(response).total;
}

/** Servers of other origins may hide `Content-Range` from a page, but not `Content-Length`. */
async function sizeByHead({ url, name, headers }: Connection, signal: AbortSignal | undefined): Promise<number> {
  const response = await connect(url, { method: "HEAD", headers, signal });
  const size = response.ok ? contentLength(response) : undefined;
  if (size === undefined) {
    throw new FetchError(`Cannot fetch "${name}": the server does not say its size`, { url: name, status: response.status });
  }
  return size;
}

function checkAnswer({ name }: Connection, response: Response, from: number, size: number): void {
  const { start, total } = contentRange(response);
  const { status } = response;
  if (start !== undefined && start !== from) {
    throw new FetchError(`Cannot fetch "${name}": asked for byte ${from}, the server sent byte ${start}`, { url: name, status });
  }
  if (total !== undefined && total !== size) {
    throw new FetchError(`Cannot fetch "${name}": it changed while being read, from ${size} to ${total} bytes`, { url: name, status });
  }
}
