import { FetchError } from "./errors.ts";

const TRANSIENT = new Set([429, 502, 503, 504]);

/** A URL and how to ask for it. */
export interface Connection {
  readonly url: URL;
  /** The URL for messages: without its query, which may hold secrets. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly retries: number;
  readonly retryDelay: number;
}

/** A failure that another attempt may not meet. */
export class Interruption extends Error {
  readonly status: number | undefined;

  constructor(message: string, options?: { cause?: unknown; status?: number }) {
    super(message, options);
    this.status = options?.status;
  }
}

/**
 * Runs `attempt` until it meets no interruption; it goes on from where it was, by what it remembers.
 *
 * @throws FetchError once it has been retried often enough.
 */
export async function retrying<T>(
  connection: Connection,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  const { name, retries, retryDelay } = connection;
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Interruption)) throw error;
      if (tries > retries) {
        const { message, status } = error;
        throw new FetchError(`Cannot fetch "${name}": ${message}, after ${tries} attempts`, {
          url: name,
          status,
          cause: error,
        });
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
export async function request(
  connection: Connection,
  from: number,
  last: number,
  signal?: AbortSignal,
): Promise<Response> {
  const { url, name, headers } = connection;
  const response = await connect(url, { headers: { ...headers, range: `bytes=${from}-${last}` }, signal });
  const { status } = response;
  // the answer to any range of an empty file
  if (status === 416 && contentRange(response).total === 0) return response;
  if (!response.ok) {
    await response.body?.cancel();
    const answer = `the server answered ${status} ${response.statusText}`.trimEnd();
    if (TRANSIENT.has(status)) throw new Interruption(answer, { status });
    throw new FetchError(`Cannot fetch "${name}": ${answer}`, { url: name, status });
  }
  if (/^text\/html\b/i.test(response.headers.get("content-type") ?? "")) {
    await response.body?.cancel();
    throw new FetchError(`Cannot fetch "${name}": the server answered with an HTML page, not a file`, {
      url: name,
      status,
    });
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

/** The bytes of an answer as they arrive; a failure on the way is an interruption. */
export async function* body(response: Response, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
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
    // what is left is not wanted; a stream that already failed rejects here again, and nobody waits for it
    reader.cancel().catch(() => {});
  }
}

/** Bytes of the body, as sent. */
export function contentLength(response: Response): number | undefined {
  const text = response.headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Which part of the file was sent, as far as the server says. */
export function contentRange(response: Response): { start: number | undefined; total: number | undefined } {
  const match = /^bytes (?:(\d{1,15})-\d+|\*)\/(?:(\d{1,15})|\*)$/.exec(response.headers.get("content-range") ?? "");
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  return { start: number(match?.[1]), total: number(match?.[2]) };
}

/** Servers of other origins may hide `Content-Range` from a page, but not `Content-Length`. */
export async function sizeByHead({ url, name, headers }: Connection, signal: AbortSignal | undefined): Promise<number> {
  const response = await connect(url, { method: "HEAD", headers, signal });
  const size = response.ok ? contentLength(response) : undefined;
  if (size === undefined) {
    throw new FetchError(`Cannot fetch "${name}": the server does not say its size`, {
      url: name,
      status: response.status,
    });
  }
  return size;
}
