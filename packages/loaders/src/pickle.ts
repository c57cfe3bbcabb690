import { quote } from "./errors.ts";

/** Makes an error that says where in the pickle it happened. */
export type Refuse = (detail: string) => SyntaxError;

/** Builds data for a pickle; one of ours, never code from the file. */
export type PickleFunction = (args: readonly unknown[], refuse: Refuse) => unknown;

/** A global that a pickle named and was allowed to. */
export class PickleGlobal {
  readonly name: string;
  readonly call: PickleFunction | undefined;

  constructor(name: string, call: PickleFunction | undefined) {
    this.name = name;
    this.call = call;
  }
}

/** Options of {@link readPickle}. */
export interface PickleOptions {
  /** What messages call it. */
  readonly name: string;
  /** Everything that the pickle may name, by `module.name`; `undefined` for what stands only for itself. */
  readonly globals: ReadonlyMap<string, PickleFunction | undefined>;
  /** Resolves a persistent id. */
  readonly persistent: PickleFunction;
}

const MAX_PROTOCOL = 5;
const MAX_STACK = 2 ** 20;
const MAX_LINE = 256;

/**
 * Reads a pickle without executing anything: the opcodes are the few that plain data needs, and a global is
 * refused unless `globals` has it. Dicts become `Map`s, lists arrays, tuples frozen arrays.
 *
 * @throws SyntaxError naming the opcode or global and its byte offset.
 */
export function readPickle(bytes: Uint8Array, options: PickleOptions): unknown {
  return new Unpickler(bytes, options).run();
}

class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #options: PickleOptions;
  readonly #stack: unknown[] = [];
  /** Stack heights at open marks. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();
  readonly #utf8 = new TextDecoder();
  #at = 0;
  /** Where the current opcode stands. */
  #opcodeAt = 0;

  constructor(bytes: Uint8Array, options: PickleOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#options = options;
  }

  run(): unknown {
    for (;;) {
      this.#opcodeAt = this.#at;
      const opcode = this.#uint(1);
      if (opcode === 0x2e) return this.#stop();
      this.#step(opcode);
      if (this.#stack.length + this.#marks.length > MAX_STACK) throw this.#refuse(`its stack exceeds ${MAX_STACK} values`);
    }
  }

  #step(opcode: number): void {
    switch (opcode) {
      case 0x80: return this.#protocol();
      case 0x95: return this.#skip(8); // FRAME: only a hint
      case 0x28: return void this.#marks.push(this.#stack.length); // MARK

      case 0x4e: return this.#push(null); // NONE
      case 0x88: return this.#push(true); // NEWTRUE
      case 0x89: return this.#push(false); // NEWFALSE
      case 0x4b: return this.#push(this.#uint(1)); // BININT1
      case 0x4d: return this.#push(this.#uint(2)); // BININT2
      case 0x4a: return this.#push(this.#uint(4) | 0); // BININT
      case 0x8a: return this.#push(this.#long(this.#uint(1))); // LONG1
      case 0x47: return this.#push(this.#float()); // BINFLOAT
      case 0x8c: return this.#push(this.#text(this.#uint(1))); // SHORT_BINUNICODE
      case 0x58: return this.#push(this.#text(this.#uint(4))); // BINUNICODE
      case 0x8d: return this.#push(this.#text(this.#uint(8))); // BINUNICODE8
      case 0x55: return this.#push(this.#latin(this.#uint(1))); // SHORT_BINSTRING
      case 0x54: return this.#push(this.#latin(this.#uint(4))); // BINSTRING
      case 0x43: return this.#push(this.#take(this.#uint(1))); // SHORT_BINBYTES
      case 0x42: return this.#push(this.#take(this.#uint(4))); // BINBYTES

      case 0x29: return this.#push(Object.freeze([])); // EMPTY_TUPLE
      case 0x85: return this.#push(Object.freeze(this.#popMany(1))); // TUPLE1
      case 0x86: return this.#push(Object.freeze(this.#popMany(2))); // TUPLE2
      case 0x87: return this.#push(Object.freeze(this.#popMany(3))); // TUPLE3
      case 0x74: return this.#push(Object.freeze(this.#popToMark())); // TUPLE
      case 0x5d: return this.#push([]); // EMPTY_LIST
      case 0x6c: return this.#push(this.#popToMark()); // LIST
      case 0x61: return this.#append(this.#popMany(1)); // APPEND
      case 0x65: return this.#append(this.#popToMark()); // APPENDS
      case 0x7d: return this.#push(new Map()); // EMPTY_DICT
      case 0x64: return this.#newDict(); // DICT
      case 0x73: return this.#setItems(this.#popMany(2)); // SETITEM
      case 0x75: return this.#setItems(this.#popToMark()); // SETITEMS

      case 0x71: return void this.#memo.set(this.#uint(1), this.#top()); // BINPUT
      case 0x72: return void this.#memo.set(this.#uint(4), this.#top()); // LONG_BINPUT
      case 0x94: return void this.#memo.set(this.#memo.size, this.#top()); // MEMOIZE
      case 0x68: return this.#recall(this.#uint(1)); // BINGET
      case 0x6a: return this.#recall(this.#uint(4)); // LONG_BINGET

      case 0x63: return this.#global(this.#line(), this.#line()); // GLOBAL
      case 0x93: return this.#stackGlobal();
      case 0x51: return this.#persistent(); // BINPERSID
      case 0x52: return this.#reduce();
      case 0x62: return this.#build();
      default: throw this.#refuse(`opcode ${opcodeName(opcode)} is not allowed, only plain data and tensors are read`);
    }
  }

  #refuse(detail: string): SyntaxError {
    return new SyntaxError(`Cannot read "${this.#options.name}": at byte ${this.#opcodeAt}, ${detail}`);
  }

  #skip(length: number): void {
    const left = this.#bytes.byteLength - this.#at;
    if (length > left) throw this.#refuse(`${length} bytes are needed, and ${left} are left`);
    this.#at += length;
  }

  #take(length: number): Uint8Array {
    this.#skip(length);
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #uint(width: number): number {
    this.#skip(width);
    let value = 0;
    for (let i = this.#at - 1; i >= this.#at - width; i--) value = value * 256 + this.#bytes[i];
    return value;
  }

  #long(length: number): number | bigint {
    const bytes = this.#take(length);
    let value = 0n;
    for (const byte of bytes.toReversed()) value = value * 256n + BigInt(byte);
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  #float(): number {
    this.#skip(8);
    return this.#view.getFloat64(this.#at - 8);
  }

  #text(length: number): string {
    return this.#utf8.decode(this.#take(length));
  }

  #latin(length: number): string {
    return new TextDecoder("latin1").decode(this.#take(length));
  }

  #line(): string {
    const end = this.#bytes.subarray(0, this.#at + MAX_LINE).indexOf(0x0a, this.#at);
    if (end < 0) throw this.#refuse(`a name does not end within ${MAX_LINE} bytes`);
    const text = this.#text(end - this.#at);
    this.#at = end + 1;
    return text;
  }

  #push(value: unknown): void {
    this.#stack.push(value);
  }

  #floor(): number {
    return this.#marks.at(-1) ?? 0;
  }

  #top(): unknown {
    if (this.#stack.length <= this.#floor()) throw this.#refuse("the stack is empty");
    return this.#stack.at(-1);
  }

  #pop(): unknown {
    const top = this.#top();
    this.#stack.pop();
    return top;
  }

  #popMany(count: number): unknown[] {
    if (this.#stack.length - this.#floor() < count) throw this.#refuse(`the stack has fewer than ${count} values`);
    return this.#stack.splice(this.#stack.length - count);
  }

  #popToMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#refuse("there is no mark");
    return this.#stack.splice(mark);
  }

  #append(values: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list) || Object.isFrozen(list)) throw this.#refuse("values are appended to what is no list");
    for (const value of values) list.push(value);
  }

  #newDict(): void {
    const items = this.#popToMark();
    this.#push(new Map());
    this.#setItems(items);
  }

  #setItems(items: readonly unknown[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map)) throw this.#refuse("items are set in what is no dict");
    if (items.length % 2 !== 0) throw this.#refuse("a key has no value");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }

  #recall(index: number): void {
    if (!this.#memo.has(index)) throw this.#refuse(`memo ${index} was never put`);
    this.#push(this.#memo.get(index));
  }

  #protocol(): void {
    const protocol = this.#uint(1);
    if (protocol > MAX_PROTOCOL) throw this.#refuse(`protocol ${protocol} is unknown, at most ${MAX_PROTOCOL} is read`);
  }

  #global(module: string, name: string): void {
    const { globals } = this.#options;
    const full = `${module}.${name}`;
    if (!globals.has(full)) throw this.#refuse(`global ${quote(full)} is not allowed, only plain data and tensors are read`);
    this.#push(new PickleGlobal(full, globals.get(full)));
  }

  #stackGlobal(): void {
    const [module, name] = this.#popMany(2);
    if (typeof module !== "string" || typeof name !== "string") throw this.#refuse("a global is named by no text");
    this.#global(module, name);
  }

  #reduce(): void {
    const [callee, args] = this.#popMany(2);
    if (!(callee instanceof PickleGlobal && callee.call && Array.isArray(args))) throw this.#refuse("what is called is no function");
    this.#push(callee.call(args, (detail) => this.#refuse(detail)));
  }

  #persistent(): void {
    const id = this.#pop();
    if (!Array.isArray(id)) throw this.#refuse("a persistent id is no tuple");
    this.#push(this.#options.persistent(id, (detail) => this.#refuse(detail)));
  }

  /** An OrderedDict of PyTorch carries attributes such as `_metadata`: they are dropped. */
  #build(): void {
    const [target] = this.#popMany(2);
    if (!(target instanceof Map)) throw this.#refuse("attributes are set on what is no dict");
    this.#push(target);
  }

  #stop(): unknown {
    const value = this.#pop();
    if (this.#stack.length > 0 || this.#marks.length > 0) throw this.#refuse(`it stops with ${this.#stack.length} values too many`);
    return value;
  }
}

/** Opcodes that could build objects or run code, and the text forms that PyTorch does not write. */
const refused: Readonly<Record<number, string>> = {
  0x30: "POP", 0x31: "POP_MARK", 0x32: "DUP", 0x46: "FLOAT", 0x49: "INT", 0x4c: "LONG", 0x50: "PERSID", 0x53: "STRING", 0x56: "UNICODE",
  0x67: "GET", 0x69: "INST", 0x6f: "OBJ", 0x70: "PUT", 0x81: "NEWOBJ", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", 0x8b: "LONG4",
  0x8e: "BINBYTES8", 0x8f: "EMPTY_SET", 0x90: "ADDITEMS", 0x91: "FROZENSET", 0x92: "NEWOBJ_EX", 0x96: "BYTEARRAY8", 0x97: "NEXT_BUFFER",
  0x98: "READONLY_BUFFER",
};

function opcodeName(opcode: number): string {
  return refused[opcode] ?? `0x${opcode.toString(16).padStart(2, "0")}`;
}
