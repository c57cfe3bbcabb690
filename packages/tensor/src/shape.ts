/** Sizes of a tensor's dimensions, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

type Words<S extends string> = S extends `${infer Head} ${infer Tail}` ? Head | Words<Tail> : S;

/** Names in a string of dims: `"batch time inner"`; the leading group `"..."` goes by the name `rows`. */
export type DimNames<S extends string> = Words<S> extends infer W ? (W extends "..." ? "rows" : W) & string : never;

/** Sizes by name. */
export type Dims<S extends string = string> = Readonly<Record<DimNames<S>, number>>;

/** A parsed string of dims. `leading` says that it starts with `...`, any number of dimensions taken as one, `rows`. */
export interface DimPattern {
  readonly text: string;
  readonly leading: boolean;
  readonly names: readonly string[];
}

/** Parses `"batch time inner"` or `"... features"`. */
export function parseDims(text: string): DimPattern {
  const words = text.split(" ").filter((word) => word !== "");
  const leading = words[0] === "...";
  const names = leading ? words.slice(1) : words;
  return { text, leading, names };
}

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
}

/** `[2, 3]`, as messages show shapes. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/**
 * Checks that every length is a whole number of at least 0.
 *
 * @throws RangeError that names the offending dimension.
 */
export function checkShape(shape: Shape, action: string): void {
  shape.forEach((length, i) => {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new RangeError(`${action}: dimension ${i} of ${formatShape(shape)} must be a whole number of at least 0`);
    }
  });
}

/**
 * Adds the sizes that `shape` gives to the names of `pattern`.
 *
 * @throws TypeError if the rank differs or a name already has another size, naming both owners.
 */
export function bindDims(
  pattern: DimPattern,
  shape: Shape,
  owner: string,
  bound: Map<string, { size: number; owner: string }>,
  action: string,
): void {
  const { names, leading, text } = pattern;
  const extra = shape.length - names.length;
  if (leading ? extra < 0 : extra !== 0) {
    throw new TypeError(`${action}: ${owner} has shape ${formatShape(shape)} but "${text}" was needed`);
  }
  if (leading) bind("rows", sizeOf(shape.slice(0, extra)));
  names.forEach((name, i) => bind(name, shape[extra + i]));

  function bind(name: string, size: number): void {
    const known = bound.get(name);
    if (known === undefined) bound.set(name, { size, owner });
    else if (known.size !== size) {
      throw new TypeError(`${action}: "${name}" is ${known.size} in ${known.owner} but ${size} in ${owner}`);
    }
  }
}
