/** One value of a parsed JSON file with the path to it, so that whoever reads it can name both when it is wrong. */
export class JsonField {
  readonly file: string;
  readonly path: string;
  readonly value: unknown;

  constructor(file: string, path: string, value: unknown) {
    this.file = file;
    this.path = path;
    this.value = value;
  }

  /** The member `name`, absent or not. @throws TypeError if this value is not an object. */
  get(name: string): JsonField {
    const value = Object.hasOwn(this.object(), name) ? this.object()[name] : undefined;
    return new JsonField(this.file, this.path === "" ? name : `${this.path}.${name}`, value);
  }

  /** Whether the value is there: neither missing nor null. */
  get present(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  object(): Record<string, unknown> {
    if (typeof this.value !== "object" || this.value === null || Array.isArray(this.value)) this.wrongKind("an object");
    return this.value as Record<string, unknown>;
  }

  array(): readonly unknown[] {
    if (!Array.isArray(this.value)) this.wrongKind("an array");
    return this.value as unknown[];
  }

  /** The item `index` of an array. */
  at(index: number): JsonField {
    return new JsonField(this.file, `${this.path}[${index}]`, this.array()[index]);
  }

  items(): JsonField[] {
    return this.array().map((_, i) => this.at(i));
  }

  string(fallback?: string): string {
    if (!this.present && fallback !== undefined) return fallback;
    if (typeof this.value !== "string") this.wrongKind("a string");
    return this.value as string;
  }

  boolean(fallback?: boolean): boolean {
    if (!this.present && fallback !== undefined) return fallback;
    if (typeof this.value !== "boolean") this.wrongKind("true or false");
    return this.value as boolean;
  }

  /** A whole number from 0, such as a token id or a length. */
  count(fallback?: number): number {
    if (!this.present && fallback !== undefined) return fallback;
    if (!Number.isSafeInteger(this.value) || (this.value as number) < 0) this.wrongKind("a whole number from 0");
    return this.value as number;
  }

  /** @throws TypeError always: the value is not of the kind `needed`. */
  wrongKind(needed: string): never {
    throw new TypeError(
      `Cannot read "${this.file}": ${this.path || "the file"} is ${describe(this.value)}, needed ${needed}`,
    );
  }

  /** @throws SyntaxError always: the value is of the right kind but makes no sense, for the reason `why`. */
  invalid(why: string): never {
    throw new SyntaxError(`Cannot read "${this.file}": ${this.path || "the file"} ${why}`);
  }
}

function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  return String(value);
}

/** Reads a field that names its own `type`, with the reader of that name. @throws SyntaxError for an unknown type. */
export function readByType<T>(field: JsonField, readers: Readonly<Record<string, (field: JsonField) => T>>): T {
  const type = field.get("type");
  const name = type.string();
  if (!Object.hasOwn(readers, name)) type.invalid(`is "${name}", known are ${Object.keys(readers).join(", ")}`);
  return readers[name](field);
}
