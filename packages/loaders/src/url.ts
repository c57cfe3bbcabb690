import { allocate, checkRange, type ByteSource } from "./bytes.ts";
import { FetchError } from "./errors.ts";
import {
  body,
  contentLength,
  contentRange,
  Interruption,
  request,
  retrying,
  sizeByHead,
  type Connection,
} from "./http.ts";

// every format begins with a header: one request tells the size and brings most headers whole
const HEAD_BYTES = 65536;

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
    const size = contentRange(response).total ?? (await sizeByHead(connection, signal));
    const head = await join(name, body(response, signal), response.status === 416 ? 0 : Math.min(size, HEAD_BYTES));
    return { head, size };
  });

  return {
    name,
    size,
    async read(offset, length, { signal, onBytes, into } = {}) {
      signal?.throwIfAborted();
      checkRange(name, size, offset, length);
      const end = offset + length;
      if (length === 0 || end <= head.byteLength) return head.subarray(offset, end);

      const bytes = allocate(name, length, into);
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

/** The whole file out of an answer. */
async function download(
  { name }: Connection,
  response: Response,
  signal: AbortSignal | undefined,
  onDownload: OpenUrlOptions["onDownload"],
): Promise<Uint8Array> {
  // the length of an encoded answer is not that of the file
  const total = response.headers.has("content-encoding") ? undefined : contentLength(response);
  const chunks = body(response, signal);
  if (total !== undefined) return join(name, chunks, total, (loaded) => onDownload?.(loaded, total));

  const collected: Uint8Array[] = [];
  let loaded = 0;
  for await (const chunk of chunks) {
    collected.push(chunk);
    loaded += chunk.byteLength;
    onDownload?.(loaded, undefined);
  }
  return join(name, collected, loaded);
}

async function join(
  name: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  length: number,
  onBytes?: (loaded: number) => void,
): Promise<Uint8Array> {
  const bytes = allocate(name, length);
  let loaded = 0;
  for await (const chunk of chunks) {
    const part = chunk.subarray(0, length - loaded);
    bytes.set(part, loaded);
    loaded += part.byteLength;
    onBytes?.(loaded);
    if (loaded === length) break;
  }
  if (loaded < length) throw new Interruption(`the connection broke off at byte ${loaded} of ${length}`);
  return bytes;
}

function checkAnswer({ name }: Connection, response: Response, from: number, size: number): void {
  const { start, total } = contentRange(response);
  const { status } = response;
  if (start !== undefined && start !== from) {
    throw new FetchError(`Cannot fetch "${name}": asked for byte ${from}, the server sent byte ${start}`, {
      url: name,
      status,
    });
  }
  if (total !== undefined && total !== size) {
    throw new FetchError(`Cannot fetch "${name}": it changed while being read, from ${size} to ${total} bytes`, {
      url: name,
      status,
    });
  }
}
