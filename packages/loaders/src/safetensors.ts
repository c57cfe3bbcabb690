import type { ByteSource, ReadOptions } from "./bytes.ts";
import type { StoredDType } from "./dtype.ts";
import { quote } from "./errors.ts";
import { asRecord, decodeUtf8, parseJson, refuseDuplicateKeys } from "./json.ts";
import { byteLengthOf, pieceOf, weightsOf, type StoredTensor, type TensorInfo, type Weights } from "./weights.ts";

// the format's own limit on headers
const MAX_HEADER_BYTES = 100_000_000;
const MAX_RANK = 64;

/** The names that a safetensors header gives to dtypes. */
export const safetensorsDTypes: ReadonlyMap<string, StoredDType> = new Map([
  ["F64", "f64"],
  ["F32", "f32"],
  ["F16", "f16"],
  ["BF16", "bf16"],
  ["I64", "i64"],
  ["I32", "i32"],
  ["I16", "i16"],
  ["I8", "i8"],
  ["U64", "u64"],
  ["U32", "u32"],
  ["U16", "u16"],
  ["U8", "u8"],
  ["BOOL", "bool"],
]);

/**
 * Opens a safetensors file: an 8-byte header length, a JSON header, then the tensors side by side. Only the
 * header is read, and it is believed in nothing: the tensors must fill the file without gap or overlap.
 *
 * @throws SyntaxError naming file and tensor, if the header does not describe the file.
 */
export async function openSafetensors(source: ByteSource, options: ReadOptions = {}): Promise<Weights> {
  const { name, size } = source;
  const fail = (detail: string) => new SyntaxError(`Cannot read "${name}": ${detail}`);

  if (size < 8) throw fail(`its ${size} bytes are too few for a safetensors file`);
  const prefix = await source.read(0, 8, options);
  const headerLength = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (headerLength > BigInt(size - 8)) throw fail(`header length ${headerLength} exceeds the file's ${size} bytes`);
  if (headerLength > MAX_HEADER_BYTES) {
    throw fail(`header length ${headerLength} exceeds the format's ${MAX_HEADER_BYTES} bytes`);
  }

  const text = decodeUtf8(await source.read(8, Number(headerLength), options), name);
  const header = asRecord(parseJson(text, name));
  if (!header) throw fail("its header is no JSON object");
  refuseDuplicateKeys(text, name);

  const dataStart = 8 + Number(headerLength);
  const { __metadata__: metadata, ...described } = header;
  const places = Object.entries(described).map(([tensor, entry]) => placeOf(tensor, entry, fail));
  checkLayout(places, size - dataStart, fail);

  const tensors = new Map<string, StoredTensor>();
  for (const { tensor, info, begin } of places)
    tensors.set(
      tensor,
      pieceOf(source, info, async () => dataStart + begin),
    );
  return weightsOf({ name, format: "safetensors", metadata: metadataOf(metadata, fail) }, tensors, () =>
    source.close(),
  );
}

type Fail = (detail: string) => SyntaxError;

interface Place {
  readonly tensor: string;
  readonly info: TensorInfo;
  readonly begin: number;
  readonly end: number;
}

function placeOf(tensor: string, entry: unknown, fail: Fail): Place {
  const { dtype, shape, data_offsets: offsets } = asRecord(entry) ?? {};
  const known = typeof dtype === "string" ? safetensorsDTypes.get(dtype) : undefined;
  if (!known) {
    throw fail(
      `tensor ${quote(tensor)} has dtype ${show(dtype)}, known are ${[...safetensorsDTypes.keys()].join(", ")}`,
    );
  }
  const byteLength = Array.isArray(shape) && shape.length <= MAX_RANK ? byteLengthOf(known, shape) : undefined;
  if (byteLength === undefined) {
    throw fail(`tensor ${quote(tensor)} has shape ${show(shape)}`);
  }

  const [begin, end, ...more] = Array.isArray(offsets) ? (offsets as unknown[]) : [];
  if (!isOffset(begin) || !isOffset(end) || more.length > 0 || begin > end) {
    throw fail(`tensor ${quote(tensor)} has data_offsets ${show(offsets)}`);
  }
  if (end - begin !== byteLength) {
    throw fail(
      `tensor ${quote(tensor)} has ${end - begin} bytes, but ${dtype} [${(shape as number[]).join(", ")}] takes ${byteLength}`,
    );
  }
  return { tensor, info: { dtype: known, shape: shape as number[], byteLength }, begin, end };
}

/** A value of the header for a message; nested ones may be deeper than the stack. */
function show(value: unknown): string {
  const flat = (item: unknown) => (typeof item === "object" ? "{…}" : String(item));
  return quote(Array.isArray(value) ? `[${value.slice(0, 20).map(flat).join(", ")}]` : flat(value));
}

function isOffset(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function checkLayout(places: readonly Place[], dataLength: number, fail: Fail): void {
  const inOrder = places.toSorted((a, b) => a.begin - b.begin || a.end - b.end);
  let filled = 0;
  let before = "";
  for (const { tensor, begin, end } of inOrder) {
    if (end > dataLength) {
      throw fail(
        `tensor ${quote(tensor)} ends at byte ${end} of the data, which has ${dataLength}; the file may be truncated`,
      );
    }
    if (begin < filled) {
      throw fail(`tensor ${quote(tensor)} begins at byte ${begin} of the data, inside tensor ${quote(before)}`);
    }
    if (begin > filled) throw fail(`bytes ${filled} to ${begin} of the data belong to no tensor`);
    filled = end;
    before = tensor;
  }
  if (filled < dataLength) throw fail(`bytes ${filled} to ${dataLength} of the data belong to no tensor`);
}

function metadataOf(metadata: unknown, fail: Fail): Readonly<Record<string, string>> {
  if (metadata === undefined) return {};
  const record = asRecord(metadata);
  if (!record || !Object.values(record).every((value) => typeof value === "string")) {
    throw fail("its __metadata__ is no object of strings");
  }
  return record as Record<string, string>;
}
