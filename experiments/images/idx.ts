import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Signals } from "../signals/signals.ts";

/** Bytes of a file in the IDX format of MNIST and its kin, and their shape. */
export interface Idx {
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const UNSIGNED_BYTE = 8;

/**
 * Reads an IDX file of unsigned bytes, gzipped or not: two zeros, the type, the rank, the sizes as big-endian words, the data.
 *
 * @throws SyntaxError that names the file if it is none.
 */
export async function readIdx(path: string): Promise<Idx> {
  const stored = await readFile(path);
  const file = stored[0] === 0x1f && stored[1] === 0x8b ? gunzipSync(stored) : stored;
  const refuse = (what: string): never => {
    throw new SyntaxError(`Cannot read "${path}": ${what}`);
  };
  if (file.length < 4 || file[0] !== 0 || file[1] !== 0) refuse("it does not begin as an IDX file does");
  const [type, rank] = [file[2], file[3]];
  if (type !== UNSIGNED_BYTE) refuse(`its numbers are of type ${type} but unsigned bytes, 8, were needed`);
  const start = 4 + 4 * rank;
  if (file.length < start) refuse(`it ends inside its ${rank} sizes`);
  const shape = Array.from({ length: rank }, (_, i) => file.readUInt32BE(4 + 4 * i));
  const size = shape.reduce((product, length) => product * length, 1);
  if (file.length !== start + size) {
    refuse(`it has ${file.length - start} bytes of data but its sizes ${shape.join(" x ")} ask for ${size}`);
  }
  return { shape, bytes: file.subarray(start) };
}

/**
 * Images of a folder as signals, pixel by pixel, from -1 to 1: `train-images-idx3-ubyte`, `t10k-labels-idx1-ubyte` and so on,
 * each also with `.gz`, as Fashion-MNIST comes.
 *
 * @throws SyntaxError if images and labels do not fit together.
 */
export async function readImages(folder: string, part: "train" | "t10k", limit = Infinity): Promise<Signals> {
  const read = (name: string) => readEither(join(folder, `${part}-${name}-ubyte`));
  const [images, labels] = [await read("images-idx3"), await read("labels-idx1")];
  const [count, height, width] = images.shape;
  if (images.shape.length !== 3 || labels.shape.length !== 1 || labels.shape[0] !== count) {
    throw new SyntaxError(
      `Cannot read "${folder}": images ${images.shape.join(" x ")} and labels ${labels.shape.join(" x ")} do not fit together`,
    );
  }
  const taken = Math.min(count, limit);
  const time = height * width;
  return {
    classes: 10,
    time,
    values: Float32Array.from(images.bytes.subarray(0, taken * time), (byte) => byte / 127.5 - 1),
    labels: Uint8Array.from(labels.bytes.subarray(0, taken)),
  };
}

async function readEither(path: string): Promise<Idx> {
  try {
    return await readIdx(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return readIdx(`${path}.gz`);
  }
}
