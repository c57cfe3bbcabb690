import { OutOfMemoryError, type Allocation } from "@elapid/tensor";

const PAGE = 65536;
/** WebAssembly with 32-bit addresses has 4 GiB. */
const MAX_BYTES = 65536 * PAGE;
/** Blocks start at a multiple of this, a cache line, and are as many bytes long. */
export const BLOCK_ALIGNMENT = 64;
/** Addresses below hold the constants of kernel modules, at most 15 pages, and the page through which threads talk. */
export const HEAP_START = 16 * PAGE;
export const CONTROL_PAGE = 15 * PAGE;
/** Memory grows by this much at least, so that small tensors do not grow it one by one. */
const GROWTH = 256 * PAGE;

/** A piece of the heap, in use or free. Neighbours in memory are linked, and so are free blocks of similar size. */
export class Block implements Allocation {
  /** Unsigned, also above 2 GiB. */
  address: number;
  /** Bytes that the block takes, a multiple of `BLOCK_ALIGNMENT`. */
  size: number;
  /** Bytes that were asked for. */
  bytes = 0;
  free = false;
  before: Block | undefined;
  after: Block | undefined;
  nextFree: Block | undefined;
  previousFree: Block | undefined;

  constructor(address: number, size: number) {
    this.address = address;
    this.size = size;
  }
}

/**
 * Hands out blocks of one growing memory. Free blocks stand in lists by size, four lists for every
 * power of two, so that a block is found and given back in constant time, nearly; free neighbours merge.
 */
export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly #maximum: number;
  readonly #lists: (Block | undefined)[] = Array.from({ length: listOf(MAX_BYTES) + 1 });
  #bytes: Uint8Array;
  #end = HEAP_START;
  #last: Block | undefined;

  /** Takes as large a memory as the engine lets have; that reserves addresses, pages come when they are written. */
  constructor(shared: boolean, maximumBytes: number = MAX_BYTES) {
    const initial = HEAP_START / PAGE;
    for (let maximum = Math.max(initial, Math.floor(maximumBytes / PAGE)); ; maximum = Math.ceil(maximum / 2)) {
      try {
        this.memory = new WebAssembly.Memory({ initial, maximum, shared });
        this.#maximum = maximum * PAGE;
        break;
      } catch {
        if (maximum < 2 * initial) throw new OutOfMemoryError("wasm", initial * PAGE, 0);
      }
    }
    this.#bytes = new Uint8Array(this.memory.buffer);
  }

  /** All of the memory. Growing replaces it, so do not keep it across an `allocate`. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** @throws OutOfMemoryError if the engine has no more memory in one piece. */
  allocate(bytes: number): Block {
    const size = Math.max(BLOCK_ALIGNMENT, Math.ceil(bytes / BLOCK_ALIGNMENT) * BLOCK_ALIGNMENT);
    const block = this.#find(size) ?? this.#grow(size);
    this.#unlist(block);
    if (block.size > size) this.#cut(block, size);
    block.bytes = bytes;
    return block;
  }

  free(block: Block): void {
    const { before, after } = block;
    if (after?.free) {
      this.#unlist(after);
      this.#absorb(block, after);
    }
    if (before?.free) {
      this.#unlist(before);
      this.#absorb(before, block);
      this.#list(before);
    } else {
      this.#list(block);
    }
  }

  #find(size: number): Block | undefined {
    for (let list = listOf(size); list < this.#lists.length; list++) {
      // only the first list may hold blocks that are too small
      for (let block = this.#lists[list]; block !== undefined; block = block.nextFree) {
        if (block.size >= size) return block;
      }
    }
    return undefined;
  }

  /** Adds memory at the end, to the last block if that is free. The result is listed and large enough. */
  #grow(size: number): Block {
    const last = this.#last;
    const spare = last?.free ? last.size : 0;
    const missing = Math.ceil((this.#end + size - spare - this.#bytes.length) / PAGE);
    if (missing > 0 && !this.#growMemory(Math.max(missing, GROWTH / PAGE)) && !this.#growMemory(missing)) {
      throw new OutOfMemoryError("wasm", size, this.#largest());
    }
    const block = new Block(this.#end, this.#bytes.length - this.#end);
    this.#end = this.#bytes.length;
    this.#last = block;
    if (last !== undefined) {
      last.after = block;
      block.before = last;
    }
    this.free(block);
    return this.#last;
  }

  #growMemory(pages: number): boolean {
    try {
      this.memory.grow(pages);
    } catch {
      return false;
    }
    this.#bytes = new Uint8Array(this.memory.buffer);
    return true;
  }

  /** Bytes that could still be had in one piece. */
  #largest(): number {
    let largest = this.#maximum - this.#end + (this.#last?.free ? this.#last.size : 0);
    for (let block = this.#last; block !== undefined; block = block.before) {
      if (block.free) largest = Math.max(largest, block.size);
    }
    return largest;
  }

  #cut(block: Block, size: number): void {
    const rest = new Block(block.address + size, block.size - size);
    block.size = size;
    rest.before = block;
    rest.after = block.after;
    if (rest.after === undefined) this.#last = rest;
    else rest.after.before = rest;
    block.after = rest;
    this.#list(rest);
  }

  #absorb(block: Block, next: Block): void {
    block.size += next.size;
    block.after = next.after;
    if (next.after === undefined) this.#last = block;
    else next.after.before = block;
  }

  #list(block: Block): void {
    const list = listOf(block.size);
    const first = this.#lists[list];
    block.free = true;
    block.previousFree = undefined;
    block.nextFree = first;
    if (first !== undefined) first.previousFree = block;
    this.#lists[list] = block;
  }

  #unlist(block: Block): void {
    const { previousFree, nextFree } = block;
    block.free = false;
    if (nextFree !== undefined) nextFree.previousFree = previousFree;
    if (previousFree !== undefined) previousFree.nextFree = nextFree;
    else this.#lists[listOf(block.size)] = nextFree;
  }
}

/** Number of the list for a size: its leading one bit and the two bits below. */
function listOf(size: number): number {
  const units = size / BLOCK_ALIGNMENT;
  const log = 31 - Math.clz32(units);
  return log < 2 ? units : 4 * (log - 1) + ((units >>> (log - 2)) & 3);
}
