import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readIdx, readImages } from "./idx.ts";
import { resample, trimmed } from "./resample.ts";
import { batchesOf, SignalBatches, type Signals } from "./signals.ts";

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

const three: Signals = {
  classes: 3,
  time: 2,
  values: Float32Array.of(0, 1, 10, 11, 20, 21),
  labels: Uint8Array.of(0, 1, 2),
};

test("a batch asks for the class at the last step of each signal", () => {
  const batches = batchesOf(three, 2);
  expect(batches.map(({ batch, time }) => [batch, time])).toEqual([
    [2, 2],
    [1, 2],
  ]);
  expect([...batches[0].ids]).toEqual([0, 1, 10, 11]);
  expect([...batches[0].labels]).toEqual([-100, 0, -100, 1]);
  expect([...batches[1].labels]).toEqual([-100, 2]);
});

test("batches follow from seed and position", () => {
  const take = (seed: number, skip = 0) => {
    const data = new SignalBatches(three, { batch: 6, seed });
    data.position = { ...data.position, window: skip };
    return [...data.next().ids];
  };
  expect(take(1)).toEqual(take(1));
  expect(take(1)).not.toEqual(take(2));
  const data = new SignalBatches(three, { batch: 6, seed: 1 });
  data.next();
  expect([...data.next().ids]).toEqual(take(1, 1));
});

test("resampling keeps what is below the new band and takes away what is above", () => {
  const tone = (hertz: number) =>
    Float32Array.from({ length: 4410 }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / 22_050));
  const power = (signal: Float32Array) => signal.reduce((sum, x) => sum + x * x, 0) / signal.length;
  const low = resample(tone(500), 22_050, 4000);
  expect(low).toHaveLength(800);
  expect(power(low)).toBeCloseTo(0.5, 1);
  const exact = Float32Array.from({ length: 800 }, (_, i) => Math.sin((2 * Math.PI * 500 * i) / 4000));
  for (let i = 50; i < 750; i++) expect(Math.abs(low[i] - exact[i])).toBeLessThan(0.02);
  expect(power(resample(tone(3000), 22_050, 4000))).toBeLessThan(1e-3);
});

test("silence before and after is cut off", () => {
  expect([...trimmed(Float32Array.of(0, 0.001, 0.5, 0, -1, 0, 0), 0.01)]).toEqual([0.5, 0, -1]);
  expect(trimmed(new Float32Array(4), 0.01)).toHaveLength(0);
});
