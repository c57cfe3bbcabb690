import { execFile } from "node:child_process";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { testModule } from "./fixture.ts";
import { commandBytes, writeCommand, type Command } from "./commands.ts";
import { f32Bits } from "./kernel.ts";
import { Heap } from "./memory.ts";
import { instantiate, moduleBytes } from "./module.ts";
import { ThreadPool } from "./threads.ts";

const UNITS = 500;
const bytes = moduleBytes(await testModule(), "simd128", true);

async function openPool(threads: number) {
  const heap = new Heap(true);
  const { memory } = heap;
  const { scale, trap } = await instantiate(bytes, { memory });
  const entries = [
    [0, "scale"],
    [0, "trap"],
  ] as const;
  const pool = await ThreadPool.open({
    memory,
    shared: true,
    modules: [bytes],
    entries,
    kernels: [scale, trap],
    threads,
  });
  const [x, y, first] = [0, 1, 2].map(() => heap.allocate(UNITS * 4).address);
  const scratch = heap.allocate(64 * threads).address;
  const floats = (address: number) => new Float32Array(heap.memory.buffer, address, UNITS);
  floats(x).forEach((_, i, all) => (all[i] = Math.fround(Math.sin(i))));
  return {
    pool,
    x: floats(x),
    /** Outputs of the scale kernel, poisoned before. */
    scale(units: number, chunkUnits: number, factor: number, large: Partial<Command> = {}) {
      floats(y).fill(NaN);
      floats(first).fill(NaN);
      const args = [x, y, first, f32Bits(factor)];
      pool.runOne({ kernel: 0, units, chunkUnits, ...large, args, scratch, scratchBytes: 64 });
      return { y: floats(y).slice(), first: floats(first).slice() };
    },
    /** Doubles x into y, y into x and so on, one command for each of `chunkUnits`; gives what the last one wrote. */
    walk(chunkUnits: readonly number[]) {
      const commands = chunkUnits.map((chunkUnits, i) => {
        const [from, to] = i % 2 === 0 ? [x, y] : [y, x];
        const args = [from, to, first, f32Bits(2)];
        return { kernel: 0, units: UNITS, chunkUnits, args, scratch, scratchBytes: 64 };
      });
      const list = heap.allocate(commands.reduce((sum, command) => sum + commandBytes(command), 0));
      let at = list.address;
      for (const [i, command] of commands.entries()) {
        const next = at + commandBytes(command);
        writeCommand(pool.words, at, command, i + 1 < commands.length ? next : 0);
        at = next;
      }
      pool.run(list.address);
      heap.free(list);
      return floats(chunkUnits.length % 2 === 0 ? x : y).slice();
    },
    trap: (unit: number) =>
      pool.runOne({ kernel: 1, units: UNITS, chunkUnits: 1, args: [unit], scratch, scratchBytes: 64 }),
  };
}

describe.each([1, 2, 3, 5])("a pool of %i threads", async (threads) => {
  const opened = await openPool(threads);
  afterAll(() => opened.pool.stop());

  test("does every unit once, in chunks of the size asked for, with scratch of its own", () =>
    fc.assert(
      fc.property(fc.nat(UNITS), fc.integer({ min: 1, max: 200 }), (units, chunkUnits) => {
        const { y, first } = opened.scale(units, chunkUnits, 0.1);
        expect(y).toEqual(opened.x.map((value, i) => (i < units ? value * Math.fround(0.1) : NaN)));
        expect(first).toEqual(first.map((_, i) => (i < units ? i - (i % chunkUnits) : NaN)));
      }),
      { numRuns: 300 },
    ));

  test("takes large chunks before the others", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: UNITS }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 90 }),
        fc.nat(9),
        (units, chunkUnits, largeUnits, most) => {
          const large = Math.min(most, Math.floor(units / largeUnits));
          const { y, first } = opened.scale(units, chunkUnits, 0.1, { large, largeUnits });
          expect(y).toEqual(opened.x.map((value, i) => (i < units ? value * Math.fround(0.1) : NaN)));
          const edge = large * largeUnits;
          const begins = (i: number) => (i < edge ? i - (i % largeUnits) : i - ((i - edge) % chunkUnits));
          expect(first).toEqual(first.map((_, i) => (i < units ? begins(i) : NaN)));
        },
      ),
      { numRuns: 300 },
    ));

  test("walks through a list in order: a command begins when the one before is done", () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: UNITS + 9 }), { minLength: 1, maxLength: 40 }), (chunkUnits) => {
        const before = opened.x.slice();
        const after = opened.walk(chunkUnits);
        expect(after).toEqual(before.map((value) => value * 2 ** chunkUnits.length));
        opened.x.set(before);
      }),
      { numRuns: 300 },
    ));

  test("wakes up after it slept", async () => {
    const awake = opened.scale(UNITS, 1, 3);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(opened.scale(UNITS, 1, 3)).toEqual(awake);
  });

  test.each([0, UNITS - 1])("throws what unit %i throws, and goes on", (unit) => {
    expect(() => opened.trap(unit)).toThrow(/unreachable|trapped on a worker/);
    expect(() => opened.trap(-1)).not.toThrow();
  });
});

test("a worker that does not start is left out, and said to be", async () => {
  const { memory } = new Heap(true);
  const pool = await ThreadPool.open({
    memory,
    shared: true,
    modules: [Uint8Array.of(1, 2, 3)],
    entries: [],
    kernels: [],
    threads: 3,
  });
  expect(pool.threads).toBe(1);
  expect(pool.failure).toMatch(/^a worker did not start: .*WebAssembly/);
});

test("idle threads use no processor time", async () => {
  const { pool, scale } = await openPool(3);
  scale(UNITS, 1, 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(100);
  pool.stop();
});

test("a process with an open device ends by itself", async () => {
  const program = `
    import { openWasm } from "@elapid/wasm";
    const backend = await openWasm({ kernels: [], threads: 3 });
    console.log(backend.description);
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--conditions=@elapid/source", "--input-type=module", "--eval", program],
    { cwd: import.meta.dirname, timeout: 30_000 },
  );
  expect(stdout).toMatch(/^wasm: (relaxed SIMD|SIMD128), 3 threads\n$/);
});
