import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readIdx, readImages } from "./idx.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "elapid-idx-"));
});
afterEach(() => rm(folder, { recursive: true }));

function idx(shape: readonly number[], bytes: readonly number[]): Uint8Array {
  const sizes = shape.flatMap((size) => [0, 0, size >> 8, size & 255]);
  return Uint8Array.from([0, 0, 8, shape.length, ...sizes, ...bytes]);
}

test("images of IDX files, gzipped or not, become signals with their labels", async () => {
  await writeFile(join(folder, "train-images-idx3-ubyte"), idx([2, 1, 3], [0, 255, 0, 51, 204, 255]));
  await writeFile(join(folder, "train-labels-idx1-ubyte.gz"), gzipSync(idx([2], [7, 2])));
  const { time, values, labels } = await readImages(folder, "train");
  expect(time).toBe(3);
  expect([...labels]).toEqual([7, 2]);
  expect([...values].map((value) => Number(value.toFixed(3)))).toEqual([-1, 1, -1, -0.6, 0.6, 1]);
  const first = await readImages(folder, "train", 1);
  expect([first.values.length, first.labels.length]).toEqual([3, 1]);
});

test("a file that is no IDX file of bytes, or is cut, is named with what is wrong", async () => {
  const file = join(folder, "a");
  const reading = async (bytes: Uint8Array) => {
    await writeFile(file, bytes);
    return readIdx(file);
  };
  await expect(reading(Uint8Array.of(1, 2, 3, 4))).rejects.toThrow(/a": it does not begin as an IDX file does/);
  await expect(reading(Uint8Array.of(0, 0, 13, 1, 0, 0, 0, 1))).rejects.toThrow(/of type 13 but unsigned bytes/);
  await expect(reading(Uint8Array.of(0, 0, 8, 2, 0))).rejects.toThrow(/it ends inside its 2 sizes/);
  await expect(reading(idx([2, 2], [1, 2, 3]))).rejects.toThrow(/it has 3 bytes of data but its sizes 2 x 2 ask for 4/);
  await writeFile(join(folder, "t10k-images-idx3-ubyte"), idx([2, 1, 1], [1, 2]));
  await writeFile(join(folder, "t10k-labels-idx1-ubyte"), idx([1], [1]));
  await expect(readImages(folder, "t10k")).rejects.toThrow(/images 2 x 1 x 1 and labels 1 do not fit together/);
});
