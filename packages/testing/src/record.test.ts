import { bytesOf, defineOp, Device, type Tensor } from "@elapid/tensor";
import { addRmsNorm, matmul, silu } from "@elapid/ops";
import { describe, expect, test } from "vitest";
import { backends } from "./backends.ts";
import { testedBackends } from "./devices.ts";

/** An op that no backend has a kernel for. */
const backwards = defineOp({
  name: "backwards",
  inputs: { x: "... size" },
  outputs: { y: "... size" },
  reference: ({ dims: { size }, inputs: { x }, outputs: { y } }) => {
    for (let i = 0; i < y.length; i++) y[i] = x[i - (i % size) + (size - 1 - (i % size))];
  },
});

const floats = (length: number, seed: number) => Float32Array.from({ length }, (_, i) => Math.sin(seed + i));
const wide = 700; // enough for threads to share

describe.each(backends())("record on $name", ({ device: open }) => {
  test("a replay computes what the function would of what is in its inputs now", async () => {
    const device = await open();
    using scope = device.scope();
    const weight = device.tensor(floats(wide * 65, 1), [wide, 65]);
    const back = device.tensor(floats(65 * wide, 2), [65, wide]);
    const norm = device.tensor(floats(65, 3));
    const compute = (x: Tensor) => addRmsNorm(matmul(silu(matmul(x, weight)), back), x, norm, 1e-5);
    const x = device.tensor(floats(3 * 65, 4), [3, 65]);
    using program = device.record(() => compute(x));
    const results = [program.outputs.y.data()];
    for (let seed = 5; seed < 9; seed++) {
      device.write(x, bytesOf(floats(3 * 65, seed)));
      program.replay();
      results.push(program.outputs.y.data());
    }
    for (const [i, result] of results.entries()) {
      const { y } = compute(device.tensor(floats(3 * 65, 4 + i), [3, 65]));
      expect(await result).toEqual(await y.data());
    }
    expect(scope.parent).toBeUndefined();
  });

  test("what it assigns, a replay assigns again, and values from before stay what they were", async () => {
    const device = await open();
    using scope = device.scope();
    const given = device.tensor([1, -2, 4], [1, 3]);
    const state = given.share();
    const own = device.tensor([1, 1, 1], [1, 3]);
    using program = device.record(() => {
      const next = state.add(state);
      own.assign(own.add(next));
      state.assign(next);
      return own.neg();
    });
    for (let run = 1; run <= 6; run++) {
      if (run > 1) program.replay();
      const sum = 2 ** (run + 1) - 2;
      expect(await state.data()).toEqual(Float32Array.of(2 ** run, -2 * 2 ** run, 4 * 2 ** run));
      expect(await own.data()).toEqual(Float32Array.of(1 + sum, 1 - 2 * sum, 1 + 4 * sum));
      expect(await program.outputs.data()).toEqual(Float32Array.of(-1 - sum, 2 * sum - 1, -1 - 4 * sum));
    }
    expect(await given.data()).toEqual(Float32Array.of(1, -2, 4));
    program.dispose();
    expect(await state.data()).toEqual(Float32Array.of(64, -128, 256));
    expect(scope.parent).toBeUndefined();
  });

  test("tensors made of numbers inside are constants", async () => {
    const device = await open();
    using x = device.tensor([1, 2]);
    using program = device.record(() => {
      using scope = device.scope();
      let y = x.add(x);
      for (let i = 0; i < 3; i++) y = y.add(device.full([2], i));
      return scope.keep(y);
    });
    device.write(x, bytesOf(Float32Array.of(10, 20)));
    program.replay();
    program.replay();
    expect(await program.outputs.data()).toEqual(Float32Array.of(23, 43));
  });

  test("its memory is nobody else's, and is given back", async () => {
    const device = await open();
    const live = device.liveBytes;
    {
      using x = device.tensor(floats(400, 1));
      using program = device.record(() => silu(x.add(x)).neg());
      const expected = await program.outputs.data();
      const held = device.liveBytes;
      const others = Array.from({ length: 20 }, (_, i) => device.full([400], i));
      for (let i = 0; i < 3; i++) program.replay();
      for (const [i, other] of others.entries()) expect((await other.data()).every((value) => value === i)).toBe(true);
      expect(await program.outputs.data()).toEqual(expected);
      for (const other of others) other.dispose();
      expect(device.liveBytes).toBe(held);
    }
    expect(device.liveBytes).toBe(live);
  });

  test("inputs that are disposed stay the program's until it is, too", async () => {
    const device = await open();
    const live = device.liveBytes;
    const x = device.tensor([1, 2]);
    const program = device.record(() => x.neg());
    x.dispose();
    using other = device.tensor([7, 7]);
    program.replay();
    expect(await program.outputs.data()).toEqual(Float32Array.of(-1, -2));
    program.dispose();
    other.dispose();
    expect(device.liveBytes).toBe(live);
  });

  test("misuse is named, and leaves nothing behind", async () => {
    const device = await open();
    const live = device.liveBytes;
    const x = device.tensor([1, 2, 3, 4], [2, 2]);
    const recording = (fn: () => unknown) => () => device.record(fn);
    expect(recording(() => device.write(x, new Uint8Array(4)))).toThrow("Cannot write: a program is being recorded");
    expect(recording(() => device.record(() => x))).toThrow("Cannot record: a program is being recorded");
    expect(recording(async () => x)).toThrow("Cannot record: the function waits; it must return at once");
    let reading: Promise<unknown> | undefined;
    device.record(() => void (reading = x.data())).dispose();
    await expect(reading).rejects.toThrow("Cannot read: a program is being recorded");
    {
      using part = x.share();
      using other = device.tensor([1, 2, 3, 4], [2, 2]);
      expect(recording(() => part.assign(other.share()))).toThrow("Cannot record: a tensor was assigned");
    }
    const program = device.record(() => x.neg());
    const next = device.tensor([1, 2, 3, 4], [2, 2]);
    expect(() => x.assign(next)).toThrow("Cannot assign to a tensor: a recorded program works on its memory");
    const { outputs } = program;
    program.dispose();
    expect(() => program.replay()).toThrow("Cannot replay a program: it was disposed");
    await expect(outputs.data()).rejects.toThrow("it was disposed");
    expect(() => x.assign(next)).not.toThrow();
    x.dispose();
    expect(device.liveBytes).toBe(live);
  });
});

test.each(testedBackends)("ops without a kernel are replayed on $name, in order with the others", async ({ open }) => {
  const device = new Device(await open(), { onNotice: () => {} });
  const x = device.tensor([1, 2, 3]);
  const program = device.record(() => backwards({ x: x.neg() }).y.add(x));
  device.write(x, bytesOf(Float32Array.of(1, 0, 5)));
  program.replay();
  expect(await program.outputs.data()).toEqual(Float32Array.of(-4, 0, 4));
  device.dispose();
});
