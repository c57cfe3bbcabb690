/** A parsed `config.json`, read field by field with messages that name the field. */
export interface ConfigReader {
  /** A whole number from `min` (default 1) to `max`. Without a fallback the field must be there. */
  int(field: string, options?: { readonly fallback?: number; readonly min?: number; readonly max?: number }): number;
  /** A finite number above 0. */
  positive(field: string, fallback?: number): number;
  flag(field: string, fallback: boolean): boolean;
  /** One of a few strings. */
  oneOf<const W extends string>(field: string, choices: readonly W[], fallback: W): W;
  /** The reader of a nested object; an absent one reads as empty. */
  object(field: string): ConfigReader;
  /** The value as it stands. */
  raw(field: string): unknown;
  /** What stands before a field in messages: empty, or the name of the object that holds it and a dot. */
  readonly path: string;
}

/** Reads `json`, which came from a file that messages call `file`. */
export function readConfig(json: unknown, file: string, path = ""): ConfigReader {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new SyntaxError(
      `Cannot read "${file}": ${path === "" ? "it" : `"${path}"`} is ${describe(json)} but an object was needed`,
    );
  }
  const fields = json as Readonly<Record<string, unknown>>;
  const fail = (field: string, needed: string): never => {
    const found = fields[field] === undefined ? "is missing" : `is ${describe(fields[field])}`;
    throw new TypeError(`Cannot read "${file}": "${path}${field}" ${found} but ${needed} was needed`);
  };
  return {
    int(field, { fallback, min = 1, max = 2 ** 31 - 1 } = {}) {
      const value = fields[field] ?? fallback;
      if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
      return fail(field, `a whole number from ${min} to ${max}`);
    },
    positive(field, fallback) {
      const value = fields[field] ?? fallback;
      if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
      return fail(field, "a number above 0");
    },
    flag(field, fallback) {
      const value = fields[field] ?? fallback;
      return typeof value === "boolean" ? value : fail(field, "true or false");
    },
    oneOf(field, choices, fallback) {
      const value = fields[field] ?? fallback;
      const choice = choices.find((known) => known === value);
      if (choice !== undefined) return choice;
      return fail(field, `one of ${choices.map((choice) => `"${choice}"`).join(", ")}`);
    },
    object: (field) => readConfig(fields[field] ?? {}, file, `${path}${field}.`),
    raw: (field) => fields[field],
    path,
  };
}

function describe(value: unknown): string {
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "string") return `"${value.slice(0, 40)}"`;
  return Array.isArray(value) ? "a list" : `an ${typeof value}`;
}
