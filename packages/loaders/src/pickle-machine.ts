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

/** What a pickle may do. */
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

/** The stack machine of a pickle: reads operands, holds stack, marks and memo, and checks every move. */
export class PickleMachine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #options: PickleOptions;
  readonly #stack: unknown[] = [];
  /** Stack heights at open marks. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();
  readonly #utf8 = new TextDecoder();
  #at = 0;
  #opcodeAt = 0;

  readonly refuse: Refuse = (detail) =>
    new SyntaxError(`Cannot read "${this.#options.name}": at byte ${this.#opcodeAt}, ${detail}`);

  constructor(bytes: Uint8Array, options: PickleOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#options = options;
  }

  opcode(): number {
    if (this.#stack.length + this.#marks.length > MAX_STACK) throw this.refuse(`its stack exceeds ${MAX_STACK} values`);
    this.#opcodeAt = this.#at;
    return this.uint(1);
  }

  protocol(version: number): void {
    if (version > MAX_PROTOCOL) throw this.refuse(`protocol ${version} is unknown, at most ${MAX_PROTOCOL} is read`);
  }

  stop(): unknown {
    const [value] = this.pop(1);
    const left = this.#stack.length + this.#marks.length;
    if (left > 0) throw this.refuse(`it stops with ${left} values too many`);
    return value;
  }

  skip(length: number): void {
    const left = this.#bytes.byteLength - this.#at;
    if (length > left) throw this.refuse(`${length} bytes are needed, and ${left} are left`);
    this.#at += length;
  }

  take(length: number): Uint8Array {
    this.skip(length);
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  uint(width: number): number {
    this.skip(width);
    let value = 0;
    for (let i = this.#at - 1; i >= this.#at - width; i--) value = value * 256 + this.#bytes[i];
    return value;
  }

  /** A two's complement integer; a bigint where a number cannot hold it. */
  long(length: number): number | bigint {
    let value = 0n;
    for (const byte of this.take(length).toReversed()) value = value * 256n + BigInt(byte);
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  float(): number {
    this.skip(8);
    return this.#view.getFloat64(this.#at - 8);
  }

  text(length: number): string {
    return this.#utf8.decode(this.take(length));
  }

  line(): string {
    const end = this.#bytes.subarray(0, this.#at + MAX_LINE).indexOf(0x0a, this.#at);
    if (end < 0) throw this.refuse(`a name does not end within ${MAX_LINE} bytes`);
    const text = this.text(end - this.#at);
    this.skip(1);
    return text;
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  /** Takes values off the stack, as far as the last mark allows. */
  pop(count: number): unknown[] {
    this.#need(count);
    return this.#stack.splice(this.#stack.length - count);
  }

  popToMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.refuse("there is no mark");
    return this.#stack.splice(mark);
  }

  append(values: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list) || Object.isFrozen(list)) throw this.refuse("values are appended to what is no list");
    for (const value of values) list.push(value);
  }

  dict(items: readonly unknown[]): void {
    this.push(new Map());
    this.setItems(items);
  }

  setItems(items: readonly unknown[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map)) throw this.refuse("items are set in what is no dict");
    if (items.length % 2 !== 0) throw this.refuse("a key has no value");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }

  remember(index: number = this.#memo.size): void {
    this.#memo.set(index, this.#top());
  }

  recall(index: number): void {
    if (!this.#memo.has(index)) throw this.refuse(`memo ${index} was never put`);
    this.push(this.#memo.get(index));
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") throw this.refuse("a global is named by no text");
    const { globals } = this.#options;
    const full = `${module}.${name}`;
    if (!globals.has(full)) {
      throw this.refuse(`global ${quote(full)} is not allowed, only plain data and tensors are read`);
    }
    this.push(new PickleGlobal(full, globals.get(full)));
  }

  persistent(): void {
    const [id] = this.pop(1);
    if (!Array.isArray(id)) throw this.refuse("a persistent id is no tuple");
    this.push(this.#options.persistent(id, this.refuse));
  }

  reduce(): void {
    const [callee, args] = this.pop(2);
    if (!(callee instanceof PickleGlobal && callee.call && Array.isArray(args))) {
      throw this.refuse("what is called is no function");
    }
    this.push(callee.call(args, this.refuse));
  }

  /** An OrderedDict of PyTorch carries attributes such as `_metadata`: they are dropped. */
  build(): void {
    const [target] = this.pop(2);
    if (!(target instanceof Map)) throw this.refuse("attributes are set on what is no dict");
    this.push(target);
  }

  #need(count: number): void {
    const above = this.#stack.length - (this.#marks.at(-1) ?? 0);
    if (above < count) throw this.refuse(`the stack has fewer than ${count} values`);
  }

  #top(): unknown {
    this.#need(1);
    return this.#stack.at(-1);
  }
}
