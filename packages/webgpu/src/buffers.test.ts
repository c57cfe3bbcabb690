import { describe, expect, test } from "vitest";
import { BufferPool, GpuMemory, partBytes, sizeClass, usage } from "./buffers.ts";
import { openNull } from "./gpu.fixture.ts";

const MEBIBYTE = 2 ** 20;

describe("partBytes", () => {
  test("leaves alone what fits", () => expect(partBytes(100, 20, 128, 256)).toBe(100));

  test("cuts between rows, 64 at a time where there is room", () => {
    const part = partBytes(50_280 * 768 * 4, 768 * 4, 128 * MEBIBYTE, 256);
    expect(part % (64 * 768 * 4)).toBe(0);
    expect(part).toBeLessThanOrEqual(128 * MEBIBYTE);
    expect(part).toBeGreaterThan(127 * MEBIBYTE);
  });

  test("cuts between any rows where there is not, and a row only when it is too long", () => {
    expect(partBytes(10_000, 20, 1024, 256)).toBe(1020);
    expect(partBytes(10_000, 5000, 1024, 256)).toBe(1024);
  });
});

describe("sizeClass", () => {
  test("is never smaller than asked and wastes at most a sixteenth", () => {
    for (const bytes of [0, 1, 255, 256, 257, 5000, 65_537, 3 * MEBIBYTE + 4, 128 * MEBIBYTE]) {
      const size = sizeClass(bytes);
      expect(size % 4).toBe(0);
      expect(size).toBeGreaterThanOrEqual(Math.max(bytes, 256));
      expect(size).toBeLessThanOrEqual(Math.max(bytes * (17 / 16), bytes + 256));
    }
    expect(sizeClass(128 * MEBIBYTE)).toBe(128 * MEBIBYTE);
  });
});

describe("GpuMemory", () => {
  test("finds ranges across parts", async () => {
    const device = await openNull();
    const buffers = [0, 1, 2].map(() => device.createBuffer({ size: 256, usage: usage.storage }));
    const memory = new GpuMemory(250, 100, buffers);
    expect(memory.locate(90, 120)).toEqual([
      { buffer: buffers[0], offset: 90, length: 10 },
      { buffer: buffers[1], offset: 0, length: 100 },
      { buffer: buffers[2], offset: 0, length: 10 },
    ]);
    expect(memory.locate(250, 0)).toEqual([{ buffer: buffers[0], offset: 0, length: 0 }]);
  });
});

describe("BufferPool", () => {
  test("hands a freed buffer to the next request of its size and keeps no more than its bound", async () => {
    const device = await openNull();
    const discarded: GPUBuffer[] = [];
    const pool = new BufferPool(
      (size) => device.createBuffer({ size, usage: usage.storage }),
      (buffer) => discarded.push(buffer),
      () => 2048,
    );
    const first = pool.acquire(1000);
    pool.release(first);
    expect(pool.acquire(1020)).toBe(first);
    expect(pool.acquire(1000)).not.toBe(first);
    pool.release(first);
    const large = pool.acquire(2000);
    pool.release(large);
    expect(discarded).toEqual([first]);
    expect(pool.keptBytes).toBe(large.size);
    pool.trim(0);
    expect(discarded).toEqual([first, large]);
    expect(pool.keptBytes).toBe(0);
  });
});
