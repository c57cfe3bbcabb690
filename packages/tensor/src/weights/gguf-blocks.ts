import { BLOCK, Blocks, blockBytes, type BlockDType } from "./blocks.ts";

/** Words of numbers in a block; two bytes of scale stand before them in GGUF. */
const WORDS = { q8: 8, q4: 4 } as const;

/**
 * Weights `out in` out of the blocks of GGUF's Q8_0 and Q4_0, which stand row by row: bits are moved and none changes.
 * A multiple of eight rows gives the bytes that it has in the whole.
 *
 * @throws RangeError if rows are no whole number of blocks.
 */
export function packBlocks(stored: Uint8Array, [out, inner]: readonly [number, number], dtype: BlockDType): Uint8Array {
  checkRows(inner, dtype);
  const bytes = new Uint8Array(blockBytes(dtype, out, inner));
  const blocks = new Blocks(dtype, bytes, inner);
  const words = new Uint32Array(WORDS[dtype]);
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  let at = 0;
  for (let row = 0; row < out; row++) {
    for (let block = 0; block < inner / BLOCK; block++) {
      const scale = view.getUint16(at, true);
      for (let i = 0; i < words.length; i++) words[i] = view.getUint32(at + 2 + 4 * i, true);
      blocks.write(row, block, scale, words);
      at += 2 + 4 * words.length;
    }
  }
  return bytes;
}

/**
 * The blocks of weights `out in` as GGUF has them, the inverse of `packBlocks`.
 *
 * @throws RangeError if rows are no whole number of blocks.
 */
export function unpackBlocks(
  bytes: Uint8Array,
  [out, inner]: readonly [number, number],
  dtype: BlockDType,
): Uint8Array {
  checkRows(inner, dtype);
  const blocks = new Blocks(dtype, bytes.byteOffset % 4 === 0 ? bytes : bytes.slice(), inner);
  const words = new Uint32Array(WORDS[dtype]);
  const size = 2 + 4 * words.length;
  const stored = new Uint8Array((out * inner * size) / BLOCK);
  const view = new DataView(stored.buffer);
  let at = 0;
  for (let row = 0; row < out; row++) {
    for (let block = 0; block < inner / BLOCK; block++) {
      view.setUint16(at, blocks.read(row, block, words), true);
      words.forEach((word, i) => view.setUint32(at + 2 + 4 * i, word, true));
      at += size;
    }
  }
  return stored;
}

function checkRows(inner: number, dtype: BlockDType): void {
  if (inner % BLOCK === 0) return;
  throw new RangeError(`Cannot take ${dtype} weights: rows of ${inner} are no whole number of blocks of ${BLOCK}`);
}
