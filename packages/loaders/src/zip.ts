import { allocate, type ByteSource, type ReadOptions } from "./bytes.ts";
import { quote } from "./errors.ts";

/** A file inside a zip archive. */
export interface ZipEntry {
  readonly name: string;
  readonly method: "stored" | "deflated";
  /** Bytes it takes in the archive, and bytes it has. */
  readonly storedSize: number;
  readonly size: number;
  /** Where its local header stands. */
  readonly header: number;
}

const END = 0x06054b50;
const END64_LOCATOR = 0x07064b50;
const END64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;

const MAX_DIRECTORY_BYTES = 64 * 2 ** 20;
// deflate cannot do better: 258 bytes out of two bits
const MAX_DEFLATE_RATIO = 1032;

/**
 * Lists the entries of a zip or zip64 archive by name.
 *
 * @throws SyntaxError if the archive is malformed, encrypted, or holds a name twice.
 */
export async function readZipDirectory(
  source: ByteSource,
  options: ReadOptions = {},
): Promise<ReadonlyMap<string, ZipEntry>> {
  const { name } = source;
  const fail = (detail: string) => new SyntaxError(`Cannot read "${name}": ${detail}`);
  const { offset, length, count } = await findDirectory(source, fail, options);
  if (length > MAX_DIRECTORY_BYTES) throw fail(`its zip directory of ${length} bytes exceeds ${MAX_DIRECTORY_BYTES}`);
  if (offset + length > source.size) {
    throw fail(`its zip directory ends at byte ${offset + length}, beyond its ${source.size} bytes`);
  }

  const bytes = await source.read(offset, length, options);
  const view = viewOf(bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > length || view.getUint32(at, true) !== CENTRAL) {
      throw fail(`entry ${i} of its zip directory is malformed`);
    }
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    if (extraEnd > length) throw fail(`entry ${i} of its zip directory is malformed`);
    const entryName = new TextDecoder().decode(bytes.subarray(at + 46, nameEnd));
    const entry = entryAt(view, at, entryName, { extra: nameEnd, extraEnd }, fail);
    if (entries.has(entryName)) throw fail(`it holds the entry ${quote(entryName)} twice`);
    if (entry.header + 30 + entry.storedSize > offset) throw fail(`the entry ${quote(entryName)} exceeds the file`);
    entries.set(entryName, entry);
    at = extraEnd + view.getUint16(at + 32, true);
  }
  return entries;
}

/**
 * Where the bytes of an entry begin in the archive.
 *
 * @throws SyntaxError if its local header is malformed.
 */
export async function entryStart(source: ByteSource, entry: ZipEntry, options: ReadOptions = {}): Promise<number> {
  const header = viewOf(await source.read(entry.header, 30, options));
  const start = entry.header + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (header.getUint32(0, true) !== LOCAL || start + entry.storedSize > source.size) {
    throw new SyntaxError(
      `Cannot read "${source.name}": the header of entry ${quote(entry.name)} at byte ${entry.header} is malformed`,
    );
  }
  return start;
}

/**
 * The bytes `[from, to)` of an entry. Those before `from` of a deflated entry are inflated and dropped.
 *
 * @throws SyntaxError if the entry is malformed.
 */
export async function readEntry(
  source: ByteSource,
  entry: ZipEntry,
  { from = 0, to = entry.size, signal }: { from?: number; to?: number; signal?: AbortSignal } = {},
): Promise<Uint8Array> {
  const length = to - from;
  if (length === 0) return new Uint8Array(0);
  const start = await entryStart(source, entry, { signal });
  if (entry.method === "stored") return source.read(start + from, length, { signal });

  const bytes = allocate(source.name, length);
  let at = 0;
  for await (const piece of inflated(source, entry, start, signal)) {
    const wanted = piece.subarray(Math.max(0, Math.min(from - at, piece.byteLength)), Math.max(0, to - at));
    bytes.set(wanted, Math.max(0, at - from));
    at += piece.byteLength;
    if (at >= to) return bytes;
  }
  throw new SyntaxError(
    `Cannot read "${source.name}": the entry ${quote(entry.name)} ends at byte ${at}, before its ${entry.size}`,
  );
}

type Fail = (detail: string) => SyntaxError;

async function findDirectory(
  source: ByteSource,
  fail: Fail,
  options: ReadOptions,
): Promise<{ offset: number; length: number; count: number }> {
  const { size } = source;
  // the end record is 22 bytes and a comment of at most 65535; a zip64 locator of 20 bytes stands before it
  const tailStart = Math.max(0, size - 22 - 65535 - 20);
  const tail = viewOf(await source.read(tailStart, size - tailStart, options));
  let end = tail.byteLength - 22;
  while (
    end >= 0 &&
    !(tail.getUint32(end, true) === END && end + 22 + tail.getUint16(end + 20, true) === tail.byteLength)
  )
    end--;
  if (end < 0) throw fail("it has no zip end record; the file may be truncated");

  const record = {
    count: tail.getUint16(end + 10, true),
    length: tail.getUint32(end + 12, true),
    offset: tail.getUint32(end + 16, true),
  };
  if (end < 20 || tail.getUint32(end - 20, true) !== END64_LOCATOR) return record;

  const at = Number(tail.getBigUint64(end - 20 + 8, true));
  if (at + 56 > size) throw fail(`its zip64 end record stands at byte ${at}, beyond its ${size} bytes`);
  const large = viewOf(await source.read(at, 56, options));
  if (large.getUint32(0, true) !== END64) throw fail(`its zip64 end record at byte ${at} is malformed`);
  return {
    count: Number(large.getBigUint64(32, true)),
    length: Number(large.getBigUint64(40, true)),
    offset: Number(large.getBigUint64(48, true)),
  };
}

function entryAt(
  view: DataView,
  at: number,
  name: string,
  { extra, extraEnd }: { extra: number; extraEnd: number },
  fail: Fail,
): ZipEntry {
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  if (flags & 1) throw fail(`the entry ${quote(name)} is encrypted`);
  if (method !== 0 && method !== 8) {
    throw fail(`the entry ${quote(name)} is compressed by method ${method}, known are 0 (stored) and 8 (deflate)`);
  }

  const large = zip64Fields(view, extra, extraEnd);
  const field = (offset: number): number => {
    const value = view.getUint32(at + offset, true);
    if (value !== 0xffffffff) return value;
    const wide = large.shift();
    if (wide === undefined) throw fail(`the entry ${quote(name)} lacks its zip64 size`);
    return Number(wide);
  };
  // the order in which zip64 fields stand
  const size = field(24);
  const storedSize = field(20);
  const header = field(42);
  if (method === 0 ? size !== storedSize : size > storedSize * MAX_DEFLATE_RATIO) {
    throw fail(`the entry ${quote(name)} cannot have ${size} bytes out of ${storedSize}`);
  }
  return { name, method: method === 0 ? "stored" : "deflated", size, storedSize, header };
}

function zip64Fields(view: DataView, from: number, to: number): bigint[] {
  for (let at = from; at + 4 <= to;) {
    const fieldEnd = at + 4 + view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1 && fieldEnd <= to) {
      const fields: bigint[] = [];
      for (let i = at + 4; i + 8 <= fieldEnd; i += 8) fields.push(view.getBigUint64(i, true));
      return fields;
    }
    at = fieldEnd;
  }
  return [];
}

async function* inflated(
  source: ByteSource,
  entry: ZipEntry,
  start: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const pieceBytes = 2 ** 18;
  let at = 0;
  const stored = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const length = Math.min(pieceBytes, entry.storedSize - at);
      if (length === 0) return controller.close();
      controller.enqueue(new Uint8Array(await source.read(start + at, length, { signal })));
      at += length;
    },
  });
  const reader = stored.pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  try {
    for (let size = 0; ;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        signal?.throwIfAborted();
        throw new SyntaxError(`Cannot read "${source.name}": the entry ${quote(entry.name)} does not inflate`, {
          cause,
        });
      });
      if (done) return;
      size += value.byteLength;
      if (size > entry.size)
        throw new SyntaxError(
          `Cannot read "${source.name}": the entry ${quote(entry.name)} has more than its ${entry.size} bytes`,
        );
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
