/**
 * Where the numbers of quantised weights `out in` lie. Kernels and quantisers follow this page.
 *
 * A block is 32 neighbours of a row and has one scale, `d`, an f16. Its numbers are the grid
 *
 *     q8: d · q, q from -128 to 127          q4: d · (q - 8), q from 0 to 15
 *
 * which are the grids of GGUF's Q8_0 and Q4_0. Eight rows make a group, and a group is a sequence of records, one for
 * each of its blocks, so that a kernel that computes eight outputs reads one stream, and a vector of 16 bytes holds four
 * neighbours of four rows, whose products add up in four lanes:
 *
 *     record = eight scales, of rows 0 to 7, then words of four numbers in the order "quad row"
 *
 * The numbers of a word are neighbours in one row, the first in the lowest byte. In q8 the eight quads of a block follow
 * each other; in q4 a word holds quad `p` in the low and quad `p + 4` in the high nibbles of its bytes, four words for
 * eight quads, as in GGUF. Rows that fill up the last group, and numbers that fill up the last block of a row, are zero.
 */

/** Neighbours of a row that share a scale. */
export const BLOCK = 32;
/** Rows whose blocks stand side by side. */
export const GROUP_ROWS = 8;
const SCALES_BYTES = 2 * GROUP_ROWS;

export type BlockDType = "q8" | "q4";

/** Words of four bytes that a block of one row takes. */
const wordsOf = { q8: 8, q4: 4 } as const;

/** Bytes of a record: a block of each of eight rows. */
export function recordBytes(dtype: BlockDType): number {
  return SCALES_BYTES + 4 * GROUP_ROWS * wordsOf[dtype];
}

/** Bytes of weights `out in`. */
export function blockBytes(dtype: BlockDType, out: number, inner: number): number {
  return Math.ceil(out / GROUP_ROWS) * Math.ceil(inner / BLOCK) * recordBytes(dtype);
}

/** Reads and writes the blocks of packed weights, by row and number. */
export class Blocks {
  readonly dtype: BlockDType;
  readonly #scales: Uint16Array;
  readonly #words: Uint32Array;
  readonly #count: number;
  readonly #record: number;

  /** `bytes` begins at a multiple of 4 in its buffer. */
  constructor(dtype: BlockDType, bytes: Uint8Array, inner: number) {
    this.dtype = dtype;
    this.#scales = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    this.#count = Math.ceil(inner / BLOCK);
    this.#record = recordBytes(dtype);
  }

  /** Writes block `block` of row `row`: the bits of its scale, and its words. */
  write(row: number, block: number, scale: number, words: ArrayLike<number>): void {
    const at = this.#at(row, block);
    this.#scales[at / 2 + (row % GROUP_ROWS)] = scale;
    const first = (at + SCALES_BYTES) / 4 + (row % GROUP_ROWS);
    for (let i = 0; i < wordsOf[this.dtype]; i++) this.#words[first + i * GROUP_ROWS] = words[i];
  }

  /** Reads the words of a block into `words` and gives the bits of its scale. */
  read(row: number, block: number, words: Uint32Array): number {
    const at = this.#at(row, block);
    const first = (at + SCALES_BYTES) / 4 + (row % GROUP_ROWS);
    for (let i = 0; i < wordsOf[this.dtype]; i++) words[i] = this.#words[first + i * GROUP_ROWS];
    return this.#scales[at / 2 + (row % GROUP_ROWS)];
  }

  /** Bytes from the start to the record. */
  #at(row: number, block: number): number {
    return (Math.floor(row / GROUP_ROWS) * this.#count + block) * this.#record;
  }
}
