import { quote } from "./errors.ts";

/** Strings, and outside of them what Python's json module writes for the floats that JSON has no word for. */
const STRINGS_AND_FLOATS = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;

/**
 * Parses JSON out of a file. Bare `Infinity`, `-Infinity` and `NaN`, which configs of Mamba-2 hold, are read as what
 * transformers writes by now: `{ "__float__": "Infinity" }`.
 *
 * @throws SyntaxError naming the file, if it is malformed.
 */
export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const standard = text.replace(STRINGS_AND_FLOATS, (found) =>
      found.startsWith('"') ? found : JSON.stringify({ __float__: found }),
    );
    if (standard !== text) return parseJson(standard, name);
    throw new SyntaxError(`Cannot read "${name}": its JSON is malformed, ${(cause as Error).message}`, { cause });
  }
}

/**
 * Decodes UTF-8 out of a file.
 *
 * @throws SyntaxError naming the file, if it is none.
 */
export function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError(`Cannot read "${name}": its text is not UTF-8`, { cause });
  }
}

/** The value as an object with string keys, or `undefined`. */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/**
 * Refuses an object that holds a key twice, of which `JSON.parse` would silently keep the last.
 * `text` has been parsed before, so it is valid JSON.
 *
 * @throws SyntaxError naming file and key.
 */
export function refuseDuplicateKeys(text: string, name: string): void {
  const objects: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{") objects.push(new Set());
    else if (character === "}") objects.pop();
    else if (character === '"') {
      const start = at++;
      while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
      if (!isFollowedByColon(text, at)) continue;
      const key = JSON.parse(text.slice(start, at + 1)) as string;
      const keys = objects[objects.length - 1];
      if (keys.has(key)) throw new SyntaxError(`Cannot read "${name}": its header holds ${quote(key)} twice`);
      keys.add(key);
    }
  }
}

function isFollowedByColon(text: string, end: number): boolean {
  let at = end + 1;
  while (" \t\r\n".includes(text[at] ?? ".")) at++;
  return text[at] === ":";
}
