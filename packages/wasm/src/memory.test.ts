import { OutOfMemoryError } from "@elapid/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BLOCK_ALIGNMENT, Heap, HEAP_START, type Block } from "./memory.ts";

const MIB = 2 ** 20;
const sizes = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 3 * MIB }));
/** Allocate so many bytes, or free one of the blocks that are held. */
const steps = fc.array(
  fc.oneof(
    sizes.map((bytes) => ({ bytes })),
    fc.nat().map((free) => ({ free })),
  ),
  { maxLength: 120 },
);

test("blocks are aligned, inside of the memory, and do not overlap", () =>
  fc.assert(
    fc.property(steps, (steps) => {
      const heap = new Heap(false);
      const held = play(heap, steps).toSorted((a, b) => a.address - b.address);
      let end = HEAP_START;
      for (const { address, size, bytes } of held) {
        expect(address).toBeGreaterThanOrEqual(end);
        expect(address % BLOCK_ALIGNMENT).toBe(0);
        expect(size).toBeGreaterThanOrEqual(bytes);
        end = address + size;
      }
      expect(end).toBeLessThanOrEqual(heap.bytes.length);
    }),
    { numRuns: 200 },
  ));

test("freed blocks merge: all of the memory can be had again in one piece", () =>
  fc.assert(
    fc.property(steps, (steps) => {
      const heap = new Heap(false);
      for (const block of play(heap, [...steps, { bytes: 1 }])) heap.free(block);
      const { length } = heap.bytes;
      expect(heap.allocate(length - HEAP_START).address).toBe(HEAP_START);
      expect(heap.bytes.length).toBe(length);
    }),
    { numRuns: 200 },
  ));

test("the same work again does not take more memory", () => {
  const heap = new Heap(false);
  const work = Array.from({ length: 50 }, (_, i) => [{ bytes: 1000 * i * i }, { free: i * 7 }]).flat();
  const round = () => play(heap, work).forEach((block) => heap.free(block));
  round();
  const { length } = heap.bytes;
  for (let i = 0; i < 20; i++) round();
  expect(heap.bytes.length).toBe(length);
});

test("says how much was needed and how much there is, and goes on with what there is", () => {
  const heap = new Heap(false, 4 * MIB);
  heap.allocate(MIB);
  let error: unknown;
  try {
    heap.allocate(3 * MIB);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(OutOfMemoryError);
  const { needed, available } = error as OutOfMemoryError;
  expect({ needed, available }).toEqual({ needed: 3 * MIB, available: 2 * MIB });
  heap.allocate(available);
  expect(() => heap.allocate(1)).toThrow("Cannot allocate on wasm: 0.0 MiB needed, 0.0 MiB available");
});

/** Blocks still held after the steps. */
function play(heap: Heap, steps: readonly ({ bytes: number } | { free: number })[]): Block[] {
  const held: Block[] = [];
  for (const step of steps) {
    if ("bytes" in step) held.push(heap.allocate(step.bytes));
    else if (held.length > 0) heap.free(held.splice(step.free % held.length, 1)[0]);
  }
  return held;
}
