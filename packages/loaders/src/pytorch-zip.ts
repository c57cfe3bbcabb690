import type { ByteSource, ReadOptions } from "./bytes.ts";
import { dtypeWidth, type StoredDType } from "./dtype.ts";
import { quote } from "./errors.ts";
import { PickleGlobal, type PickleFunction, type Refuse } from "./pickle-machine.ts";
import { readPickle } from "./pickle.ts";
import { gatherStrided, isContiguous, strideExtent } from "./strides.ts";
import { byteLengthOf, pieceOf, weightsOf, type StoredTensor, type TensorInfo, type Weights } from "./weights.ts";
import { entryStart, readEntry, readZipDirectory, type ZipEntry } from "./zip.ts";

const MAX_PICKLE_BYTES = 32 * 2 ** 20;
const MAX_RANK = 64;
// a tensor may repeat elements of its storage by strides of 0, up to this size
const MAX_EXPANDED_BYTES = 16 * 2 ** 20;

const storageTypes: ReadonlyMap<string, StoredDType | "bytes"> = new Map([
  ["torch.DoubleStorage", "f64"],
  ["torch.FloatStorage", "f32"],
  ["torch.HalfStorage", "f16"],
  ["torch.BFloat16Storage", "bf16"],
  ["torch.LongStorage", "i64"],
  ["torch.IntStorage", "i32"],
  ["torch.ShortStorage", "i16"],
  ["torch.CharStorage", "i8"],
  ["torch.ByteStorage", "u8"],
  ["torch.BoolStorage", "bool"],
  ["torch.storage.UntypedStorage", "bytes"], // its tensors tell their dtype
]);

const dtypes: ReadonlyMap<string, StoredDType> = new Map([
  ["torch.float64", "f64"],
  ["torch.float32", "f32"],
  ["torch.float16", "f16"],
  ["torch.bfloat16", "bf16"],
  ["torch.int64", "i64"],
  ["torch.int32", "i32"],
  ["torch.int16", "i16"],
  ["torch.int8", "i8"],
  ["torch.uint64", "u64"],
  ["torch.uint32", "u32"],
  ["torch.uint16", "u16"],
  ["torch.uint8", "u8"],
  ["torch.bool", "bool"],
]);

const globals: ReadonlyMap<string, PickleFunction | undefined> = new Map<string, PickleFunction | undefined>([
  ["collections.OrderedDict", orderedDict],
  ["torch.Size", ([sizes]) => sizes],
  ["torch._utils._rebuild_tensor", rebuildTensor],
  ["torch._utils._rebuild_tensor_v2", rebuildTensor],
  ["torch._utils._rebuild_tensor_v3", rebuildTensor],
  ["torch._utils._rebuild_parameter", ([tensor]) => tensor],
  ["torch._utils._rebuild_parameter_with_state", ([tensor]) => tensor],
  ...[...storageTypes.keys(), ...dtypes.keys()].map((name): [string, undefined] => [name, undefined]),
]);

/** Where training scripts keep the state dict beside optimiser and counters. */
const STATE_DICT_KEYS = ["state_dict", "model_state_dict", "model", "module"];

/**
 * Opens a zip file written by `torch.save`. Its pickle is read by an allow-list and nothing is executed.
 * Tensors that share a storage, such as a tied head, are read from the same place; those with strides
 * become row major.
 *
 * @throws SyntaxError naming opcode or global and byte offset, if the pickle holds more than data and
 *   tensors; or saying what does not fit, if the archive is malformed.
 */
export async function openPytorchZip(source: ByteSource, options: ReadOptions = {}): Promise<Weights> {
  const { name } = source;
  const fail = (detail: string) => new SyntaxError(`Cannot read "${name}": ${detail}`);

  const entries = await readZipDirectory(source, options);
  const pickle = [...entries.values()].find((entry) => /^[^/]+\/data\.pkl$/.test(entry.name));
  if (!pickle) throw fail("the zip archive holds no data.pkl, so it was not written by torch.save");
  const root = pickle.name.slice(0, -"data.pkl".length);
  if (entries.has(`${root}constants.pkl`)) {
    throw fail("it is a TorchScript program; save its state_dict with torch.save instead");
  }
  const byteOrder = entries.get(`${root}byteorder`);
  if (byteOrder && byteOrder.size < 16) {
    const order = new TextDecoder().decode(await readEntry(source, byteOrder, options));
    if (order !== "little") throw fail(`its byte order is ${quote(order)}, and only "little" is read`);
  }
  if (pickle.size > MAX_PICKLE_BYTES) throw fail(`its data.pkl of ${pickle.size} bytes exceeds ${MAX_PICKLE_BYTES}`);

  const tree = readPickle(await readEntry(source, pickle, options), {
    name: `${name}/${pickle.name}`,
    globals,
    persistent: (id, refuse) => storageOf(id, entries, root, refuse),
  });
  const tensors = new Map<string, StoredTensor>();
  for (const [key, tensor] of stateDictOf(tree)) tensors.set(key, storedTensor(source, tensor));
  if (tensors.size === 0) throw fail("it holds no state dict, a dict from names to tensors");
  return weightsOf({ name, format: "pytorch", metadata: {} }, tensors, () => source.close());
}

class Storage {
  readonly entry: ZipEntry;
  readonly dtype: StoredDType | "bytes";

  constructor(entry: ZipEntry, dtype: StoredDType | "bytes") {
    this.entry = entry;
    this.dtype = dtype;
  }
}

class TorchTensor {
  readonly storage: Storage;
  readonly info: TensorInfo;
  /** Where its first element stands in the storage, and steps along each axis, in elements. */
  readonly offset: number;
  readonly strides: readonly number[];

  constructor({ storage, info, offset, strides }: Pick<TorchTensor, "storage" | "info" | "offset" | "strides">) {
    this.storage = storage;
    this.info = info;
    this.offset = offset;
    this.strides = strides;
  }
}

function orderedDict([pairs = []]: readonly unknown[], refuse: Refuse): Map<unknown, unknown> {
  if (!Array.isArray(pairs) || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) {
    throw refuse("an OrderedDict is built of no pairs");
  }
  return new Map(pairs as [unknown, unknown][]);
}

/** A persistent id is `("storage", type, key, location, size)`; the bytes are in the entry `data/<key>`. */
function storageOf(
  [kind, type, key, , size]: readonly unknown[],
  entries: ReadonlyMap<string, ZipEntry>,
  root: string,
  refuse: Refuse,
): Storage {
  const dtype = type instanceof PickleGlobal ? storageTypes.get(type.name) : undefined;
  if (kind !== "storage" || !dtype || typeof key !== "string") throw refuse("a persistent id is no storage");
  const entry = entries.get(`${root}data/${key}`);
  if (!entry) throw refuse(`storage ${quote(key)} is not in the archive`);
  if (byteLengthOf(dtype === "bytes" ? "u8" : dtype, [size]) !== entry.size) {
    throw refuse(`storage ${quote(key)} has ${entry.size} bytes, but ${String(size)} of ${dtype} are announced`);
  }
  return new Storage(entry, dtype);
}

/** Arguments: storage, offset, sizes, strides, requires_grad, hooks, and in the third version a dtype. */
function rebuildTensor([storage, offset, shape, strides, , , typed]: readonly unknown[], refuse: Refuse): TorchTensor {
  if (!(storage instanceof Storage)) throw refuse("a tensor is built on no storage");
  const own = typed instanceof PickleGlobal ? dtypes.get(typed.name) : undefined;
  const dtype = storage.dtype === "bytes" ? own : storage.dtype;
  if (!dtype) throw refuse("a tensor has no dtype");
  if (!isSize(offset) || !isSizes(shape) || !isSizes(strides) || shape.length !== strides.length) {
    throw refuse("the sizes of a tensor are malformed");
  }

  const { size } = storage.entry;
  const byteLength = byteLengthOf(dtype, shape);
  const reach = (offset + strideExtent(shape, strides)) * dtypeWidth(dtype);
  if (byteLength === undefined || !(reach <= size)) {
    throw refuse(
      `a tensor [${shape.join(", ")}] with strides [${strides.join(", ")}] at ${offset} exceeds its storage of ${size} bytes`,
    );
  }
  if (byteLength > Math.max(size, MAX_EXPANDED_BYTES)) {
    throw refuse(`a tensor [${shape.join(", ")}] repeats its storage of ${size} bytes up to ${byteLength}`);
  }
  return new TorchTensor({ storage, info: { dtype, shape, byteLength }, offset, strides });
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length <= MAX_RANK && value.every(isSize);
}

function stateDictOf(tree: unknown): readonly (readonly [string, TorchTensor])[] {
  const nested = STATE_DICT_KEYS.map((key) => (tree instanceof Map ? (tree.get(key) as unknown) : undefined));
  for (const dict of [tree, ...nested]) {
    if (!(dict instanceof Map)) continue;
    const named = [...(dict as Map<unknown, unknown>)].filter(
      (item): item is [string, TorchTensor] => typeof item[0] === "string" && item[1] instanceof TorchTensor,
    );
    if (named.length > 0) return named;
  }
  return [];
}

function storedTensor(source: ByteSource, { info, storage, offset, strides }: TorchTensor): StoredTensor {
  const { dtype, shape, byteLength } = info;
  const { entry } = storage;
  const width = dtypeWidth(dtype);
  const contiguous = isContiguous(shape, strides);
  if (contiguous && entry.method === "stored") {
    return pieceOf(source, info, async (options) => (await entryStart(source, entry, options)) + offset * width);
  }
  return {
    ...info,
    async *chunks({ chunkBytes, signal }) {
      const from = offset * width;
      const to = from + strideExtent(shape, strides) * width;
      // what the tensor touches of its storage is held whole: any element may come next
      const bytes = await readEntry(source, entry, { from, to, signal });
      for (let at = 0; at < byteLength; at += chunkBytes) {
        signal?.throwIfAborted();
        const end = Math.min(at + chunkBytes, byteLength);
        yield contiguous
          ? bytes.subarray(at, end)
          : gatherStrided(bytes, { shape, strides, width }, at / width, end / width);
      }
    },
  };
}
