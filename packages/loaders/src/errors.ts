/**
 * A URL that could not be read: an HTTP status that is no success, an answer of the wrong kind, or a
 * connection that kept breaking off.
 */
export class FetchError extends Error {
  override readonly name = "FetchError";
  /** The URL, without its query, which may hold secrets. */
  readonly url: string;
  /** HTTP status of the last answer; `undefined` if there was none. */
  readonly status: number | undefined;

  constructor(message: string, { url, status, cause }: { url: string; status?: number; cause?: unknown }) {
    super(message, { cause });
    this.url = url;
    this.status = status;
  }
}

/** No model where one was expected; `lookedFor` says which files would have been one. */
export class ModelNotFoundError extends Error {
  override readonly name = "ModelNotFoundError";
  readonly location: string;
  readonly lookedFor: readonly string[];

  constructor(message: string, { location, lookedFor = [] }: { location: string; lookedFor?: readonly string[] }) {
    super(message);
    this.location = location;
    this.lookedFor = lookedFor;
  }
}

const QUOTED_LENGTH = 120;

/** Text out of a file, quoted for a message: escaped, and cut where it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}…` : text);
}
