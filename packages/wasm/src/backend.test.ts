import { Device, OutOfMemoryError, UnsupportedError, type Backend } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { openWasm, type WasmOptions } from "./open.ts";
import { scaleOp, testModule } from "./fixture.ts";
import { defineKernel, f32Bits } from "./kernel.ts";

const module = await testModule();
const scale = defineKernel(scaleOp, {
  module,
  entry: "scale",
  units: ({ rows }) => rows,
  scratch: () => 4,
  args: ({ attributes: { factor }, inputs: { x }, outputs: { y, first } }) => [x, y, first, f32Bits(factor)],
});
/** Enough for the threads to share it. */
const MANY = 40_000;
const values = Float32Array.from({ length: MANY }, (_, i) => Math.sin(i));
const open = (options: Partial<WasmOptions> = {}) => openWasm({ kernels: [scale], ...options });

async function scaled(backend: Backend, x = values) {
  using device = new Device(backend, { strict: true });
  const { y, first } = scaleOp({ x: device.tensor(x) }, { factor: 1.1 });
  return { y: await y.data(), ranges: new Set(await first.data()).size };
}

describe("openWasm", () => {
  test.each([
    [{ simd: "relaxed", threads: 1 }, "wasm: relaxed SIMD, 1 thread"],
    [{ simd: "simd128", threads: 3 }, "wasm: SIMD128, 3 threads"],
    [{ simd: "relaxed", sharedMemory: false }, "wasm: relaxed SIMD, 1 thread"],
    [{ simd: "simd128", sharedMemory: false }, "wasm: SIMD128, 1 thread"],
  ] as const)("computes the same bits with %j", async (options, description) => {
    const backend = await open(options);
    expect(backend.description).toBe(description);
    const { y, ranges } = await scaled(backend);
    expect(y).toEqual(values.map((value) => value * Math.fround(1.1)));
    expect(ranges).toBeGreaterThan(1);
  });

  test("leaves small work to the caller's thread", async () => {
    expect((await scaled(await open({ threads: 2 }), values.slice(0, 100))).ranges).toBe(1);
  });

  test("takes the first kernel that suits, and the reference where none does", async () => {
    const never = defineKernel(scaleOp, { ...scale, entry: "trap", suits: () => false, args: () => [0] });
    const many = defineKernel(scaleOp, { ...scale, suits: ({ rows }, _, given) => rows > 100 && given.has("x") });
    const notices: string[] = [];
    const backend = await open({ kernels: [never, many], threads: 2 });
    using device = new Device(backend, { onNotice: (notice) => notices.push(notice) });
    expect(await scaleOp({ x: device.tensor(values) }).y.data()).toEqual(values);
    expect(notices).toEqual([]);
    const few = values.slice(0, 100);
    expect(await scaleOp({ x: device.tensor(few) }).y.data()).toEqual(few);
    expect(notices).toEqual(['"scale" has no kernel on "wasm" for these sizes; its reference runs on the host']);
  });

  test("runs one pass after the other, over a workspace that all threads share", async () => {
    const passes = defineKernel(scaleOp, {
      module,
      entry: "note",
      units: ({ rows }) => rows,
      workspace: ({ rows }) => rows * 4,
      args: ({ workspace }) => [workspace],
      passes: [
        {
          entry: "gather",
          units: ({ rows }) => rows,
          args: ({ dims: { rows }, outputs: { y, first }, workspace }) => [workspace, rows, y, first],
        },
      ],
    });
    const { y, ranges } = await scaled(await open({ kernels: [passes], threads: 2 }));
    expect(new Set(y)).toEqual(new Set([(MANY * (MANY - 1)) / 2].map(Math.fround)));
    expect(ranges).toBeGreaterThan(1);
  });

  test("names the op and the kernel that failed, and goes on", async () => {
    const trap = defineKernel(scaleOp, { module, entry: "trap", units: ({ rows }) => rows, args: () => [MANY - 1] });
    using device = new Device(await open({ kernels: [trap], threads: 2 }));
    const run = (x: Float32Array) => scaleOp({ x: device.tensor(x) });
    expect(() => run(values)).toThrow(
      /^Cannot run "scale": its kernel "trap" failed: (unreachable|it trapped on a worker thread)$/,
    );
    expect(() => run(values.slice(1))).not.toThrow();
  });

  test.each([1, 2])("a program on %i threads ends at the kernel that failed, and names it", async (threads) => {
    const trap = defineKernel(scaleOp, {
      module,
      entry: "trap",
      units: ({ rows }) => rows,
      suits: (_, { factor }) => factor === 3,
      args: () => [MANY - 1],
    });
    const backend = await open({ kernels: [trap, scale], threads });
    using device = new Device(backend, { strict: true });
    const x = device.tensor(values);
    const outputs = [2, 3, 5].map((factor) => ({ factor, y: device.zeros([MANY]), first: device.zeros([MANY]) }));
    const calls = outputs.map(({ factor, y, first }) => ({
      op: scaleOp,
      dims: { rows: MANY },
      attributes: { factor },
      inputs: { x: x.view },
      outputs: { y: y.view, first: first.view },
    }));
    const recording = backend.record!(calls);
    for (let i = 0; i < 3; i++) {
      expect(() => recording.replay()).toThrow(
        /^Cannot run "scale": its kernel "trap" failed: (unreachable|it trapped)/,
      );
    }
    expect(await outputs[0].y.data()).toEqual(values.map((value) => value * 2));
    expect(await outputs[2].y.data()).toEqual(new Float32Array(MANY));
    const whole = backend.record!([calls[0], calls[2]]);
    whole.replay();
    expect(await outputs[2].y.data()).toEqual(values.map((value) => value * 5));
    recording.dispose();
    whole.dispose();
  });

  test.each([
    [{ threads: 0 }, RangeError, 'Cannot open "wasm": threads is 0 but a whole number of at least 1 was needed'],
    [{ threads: 1.5 }, RangeError, 'Cannot open "wasm": threads is 1.5 but a whole number of at least 1 was needed'],
    [{ threads: 2, sharedMemory: false }, UnsupportedError, 'Cannot open "wasm": 2 threads need shared memory'],
    [
      { kernels: [{ ...scale, entry: "shrink" }] },
      TypeError,
      'Cannot open "wasm": module "test" has no function "shrink" for "scale"',
    ],
  ])("refuses %j", async (options, error, message) => {
    await expect(open(options)).rejects.toThrow(message);
    await expect(open(options)).rejects.toBeInstanceOf(error);
  });
});

describe("memory", () => {
  test("counts live bytes, and their peak with the kernels' scratch, and gives them back", async () => {
    const backend = await open({ threads: 2 });
    using device = new Device(backend);
    for (let i = 0; i < 3; i++) {
      using scope = device.scope();
      expect(scaleOp({ x: scope.keep(device.tensor(values)) }).y.size).toBe(MANY);
      expect(device.liveBytes).toBe((i + 3) * MANY * 4);
    }
    expect(device.liveBytes).toBe(3 * MANY * 4);
    expect(device.peakBytes).toBe(5 * MANY * 4 + 2 * 64);
  });

  test("hands out copies that later work does not change", async () => {
    using device = new Device(await open());
    const x = device.tensor([1, 2]);
    const before = await x.data();
    device.write(x, new Uint8Array(8));
    expect(before).toEqual(Float32Array.of(1, 2));
    expect(before.buffer).toBeInstanceOf(ArrayBuffer);
  });

  test.each([true, false])("works above 2 GiB, shared: %j", async (sharedMemory) => {
    const backend = await open({ sharedMemory });
    using device = new Device(backend);
    const low = device.empty([2 ** 29 + 1024]); // untouched, so it takes addresses only
    const { y } = await scaled(backend);
    expect(y).toEqual(values.map((value) => value * Math.fround(1.1)));
    low.dispose();
  });

  test("says what was needed and what there is when it ends", async () => {
    using device = new Device(await open({ maximumBytes: 8 * 2 ** 20 }));
    using held = device.zeros([2 ** 20]);
    expect(() => device.zeros([2 ** 20])).toThrow(OutOfMemoryError);
    expect(() => device.zeros([2 ** 20])).toThrow("Cannot allocate on wasm: 4.0 MiB needed, 3.0 MiB available");
    expect(device.liveBytes).toBe(held.byteLength);
  });
});
