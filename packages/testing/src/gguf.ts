import { readFileSync } from "node:fs";

/** A tensor as a GGUF file has it: ggml's number of its type, sizes row major, stored bytes. */
export interface GgufContent {
  readonly metadata: ReadonlyMap<string, unknown>;
  readonly tensors: ReadonlyMap<
    string,
    { readonly type: number; readonly shape: number[]; readonly bytes: Uint8Array }
  >;
}

const ALIGNMENT = 32;

/**
 * Reads a GGUF file, version 3, whose metadata are what elapid writes. By these lines and not by the loaders, so that a
 * mistake there cannot hide itself here.
 */
export function readGguf(path: string): GgufContent {
  const file = readFileSync(path);
  let at = 0;
  const take = (bytes: number) => (at += bytes) - bytes;
  const u32 = () => file.readUInt32LE(take(4));
  const u64 = () => Number(file.readBigUInt64LE(take(8)));
  const string = () => {
    const length = u64();
    return file.toString("utf8", take(length), at);
  };
  const value = (type: number): unknown => {
    switch (type) {
      case 4:
        return u32();
      case 5:
        return file.readInt32LE(take(4));
      case 6:
        return file.readFloatLE(take(4));
      case 7:
        return file[take(1)] === 1;
      case 8:
        return string();
      case 9: {
        const element = u32();
        return Array.from({ length: u64() }, () => value(element));
      }
      default:
        throw new SyntaxError(`Cannot read "${path}": a value has type ${type}`);
    }
  };
  const [magic, version] = [file.toString("latin1", take(4), at), u32()];
  if (magic !== "GGUF" || version !== 3) throw new SyntaxError(`Cannot read "${path}": it is ${magic} ${version}`);
  const [tensorCount, metadataCount] = [u64(), u64()];
  const metadata = new Map(Array.from({ length: metadataCount }, () => [string(), value(u32())] as const));
  const infos = Array.from({ length: tensorCount }, () => {
    const name = string();
    const shape = Array.from({ length: u32() }, u64).toReversed();
    return { name, shape, type: u32(), offset: u64() };
  });
  const start = Math.ceil(at / ALIGNMENT) * ALIGNMENT;
  const sized = infos.map(({ name, shape, type, offset }) => {
    const bytes = new Uint8Array(file.subarray(start + offset, start + offset + bytesOf(type, shape)));
    return [name, { type, shape, bytes }] as const;
  });
  return { metadata, tensors: new Map(sized) };
}

/** F32, F16, Q4_0, Q8_0 and BF16: numbers in a block, and its bytes. */
const blocks: Readonly<Record<number, readonly [numbers: number, bytes: number]>> = {
  0: [1, 4],
  1: [1, 2],
  2: [32, 18],
  8: [32, 34],
  30: [1, 2],
};

function bytesOf(type: number, shape: readonly number[]): number {
  const [numbers, bytes] = blocks[type] ?? [1, 0];
  return (shape.reduce((product, size) => product * size, 1) / numbers) * bytes;
}
