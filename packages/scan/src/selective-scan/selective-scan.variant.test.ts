import { expect, test } from "vitest";
import { scanVariant } from "./selective-scan.variant.ts";

const granted = 2 ** 27; // bytes that every device binds
const mamba130m = { inner: 1536, state: 16 };

test.each([
  // one token, and prompts that are hardly longer than a chunk
  [{ batch: 1, time: 1, ...mamba130m }, "sequential", 32],
  [{ batch: 1, time: 64, ...mamba130m }, "sequential", 32],
  [{ batch: 1, time: 65, ...mamba130m }, "chunked", 32],
  // at most 256 chunks
  [{ batch: 1, time: 8192, ...mamba130m }, "chunked", 32],
  [{ batch: 1, time: 8193, ...mamba130m }, "chunked", 64],
  [{ batch: 1, time: 2 ** 17, ...mamba130m }, "chunked", 512],
  // channels that fill the device, however few of each sequence
  [{ batch: 10, time: 4096, ...mamba130m }, "chunked", 32],
  [{ batch: 11, time: 4096, ...mamba130m }, "sequential", 32],
  [{ batch: 1, time: 4096, inner: 16_384, state: 16 }, "sequential", 32],
  // chunks of large states are longer
  [{ batch: 1, time: 4096, inner: 64, state: 100 }, "chunked", 128],
  [{ batch: 1, time: 512, inner: 64, state: 256 }, "sequential", 256],
  // 256 borders of 15 000 channels with 16 states are 261 MB
  [{ batch: 1, time: 8192, inner: 15_000, state: 16 }, "sequential", 32],
] as const)("%o runs %s, in chunks of %i", (dims, algorithm, chunk) => {
  expect(scanVariant(dims, 1, granted)).toEqual({ algorithm, chunk });
});

test("more is chunked where bindings are larger", () => {
  const dims = { batch: 1, time: 8192, inner: 15_000, state: 16 };
  expect(scanVariant(dims, 1, 2 ** 30)).toEqual({ algorithm: "chunked", chunk: 32 });
});

test("neither the batch nor the device decide on the chunks, whose borders show in the last bits", () => {
  for (const time of [1, 63, 257, 10_000]) {
    for (const state of [1, 16, 256]) {
      const { chunk } = scanVariant({ batch: 1, time, inner: 1536, state }, 1, granted);
      for (const batch of [2, 100]) {
        expect(scanVariant({ batch, time, inner: 1536, state }, 1, granted).chunk).toBe(chunk);
        expect(scanVariant({ batch, time, inner: 1536, state }, 1, 0).chunk).toBe(chunk);
      }
    }
  }
});
