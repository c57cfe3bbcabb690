import { formatShape, parseDims, sizeOf, type Shape, type Tensor } from "@elapid/tensor";

/** Along which dimension a scan runs, and how. */
export interface ScanOptions {
  /** The dimension: its number, from the end if negative, or its name in `dims`. Default: the last. */
  readonly axis?: number | string;
  /** Names of the dimensions, `"batch time inner"`, for `axis` and for messages. */
  readonly dims?: string;
  /** From the last element to the first. Default: from the first to the last. */
  readonly reverse?: boolean;
  /** A result holds what lies before its element, without the element itself. Default: with it. */
  readonly exclusive?: boolean;
}

/** Attributes of the ops, as their references get them. */
export type Direction = { readonly reverse: boolean; readonly exclusive: boolean };

/** A tensor's dimensions as a scan sees them: those before time, time, and those behind it. */
export interface Layout {
  readonly shape: Shape;
  /** The shape without time: that of a state. */
  readonly stateShape: Shape;
  /** `[outer, time, inner]`. Tensors are row major, so this is a view of them. */
  readonly steps: Shape;
  /** `[outer, inner]` */
  readonly state: Shape;
  /** What a dimension is called in a message. */
  readonly nameOf: (dimension: number) => string;
  /** What a dimension of a state is. */
  readonly stateNameOf: (dimension: number) => string;
}

/**
 * Finds time among the dimensions of `x`, of which the last `parts` make up an element.
 *
 * @throws TypeError for a name that is not there, RangeError for a number that is not.
 */
export function layoutOf(
  action: string,
  owner: string,
  x: Tensor,
  { axis = -1, dims }: ScanOptions,
  parts: number,
): Layout {
  const { shape } = x;
  const rank = shape.length - parts;
  const pattern = dims === undefined ? undefined : parseDims(dims);
  const named = pattern?.names ?? [];
  if (pattern !== undefined && (pattern.leading ? rank < named.length : rank !== named.length)) {
    throw new TypeError(`${action}: ${owner} has shape ${formatShape(shape)} but "${dims}" was needed`);
  }
  const unnamed = rank - named.length;
  let time: number;
  if (typeof axis === "string") {
    if (pattern === undefined) {
      throw new TypeError(`${action}: axis "${axis}" is a name, and "dims" is needed to say where it lies`);
    }
    if (!named.includes(axis)) throw new TypeError(`${action}: dims "${dims}" do not name the axis "${axis}"`);
    time = unnamed + named.indexOf(axis);
  } else {
    time = axis < 0 ? rank + axis : axis;
    if (!Number.isInteger(axis) || time < 0 || time >= rank) {
      throw new RangeError(
        `${action}: axis ${axis} is not a dimension of ${owner}, whose shape is ${formatShape(shape)}`,
      );
    }
  }
  const outer = sizeOf(shape.slice(0, time));
  const inner = sizeOf(shape.slice(time + 1, rank));
  const element = shape.slice(rank);
  const nameOf = (dimension: number) => {
    const name = named[dimension - unnamed];
    return name === undefined ? `dimension ${dimension}` : `"${name}"`;
  };
  return {
    shape,
    stateShape: shape.toSpliced(time, 1),
    steps: [outer, shape[time], inner, ...element],
    state: [outer, inner, ...element],
    nameOf,
    stateNameOf: (dimension) => nameOf(dimension < time ? dimension : dimension + 1),
  };
}

/** @throws TypeError that names both inputs and the dimension, if `x` has not the shape that `owner` calls for. */
export function checkShapeOf(
  action: string,
  [name, x]: readonly [string, Tensor],
  [owner, shape]: readonly [string, Shape],
  nameOf: Layout["nameOf"],
): void {
  if (x.shape.length !== shape.length) {
    throw new TypeError(
      `${action}: ${name} has shape ${formatShape(x.shape)} but ${formatShape(shape)} was needed, as ${owner} has it`,
    );
  }
  const differing = shape.findIndex((length, i) => length !== x.shape[i]);
  if (differing >= 0) {
    throw new TypeError(
      `${action}: ${nameOf(differing)} is ${shape[differing]} in ${owner} but ${x.shape[differing]} in ${name}`,
    );
  }
}

/** The elements of a row in the order of a scan: the places of its steps, counted over all elements. */
export function steps(
  { time, inner }: { readonly time: number; readonly inner: number },
  row: number,
  reverse: boolean,
): number[] {
  const first = Math.floor(row / inner) * time * inner + (row % inner);
  return Array.from({ length: time }, (_, s) => first + (reverse ? time - 1 - s : s) * inner);
}
