import { describe, expect, expectTypeOf, test } from "vitest";
import { Device } from "./device.ts";
import { TensorDisposedError } from "./errors.ts";
import { HostBackend } from "./host.ts";
import { defineOp, ints, optional, optionalInts } from "./op.ts";
import type { Tensor } from "./tensor.ts";

const gather = defineOp({
  name: "gather",
  inputs: { x: "batch time inner", at: ints("batch"), bias: optional("inner"), keep: optionalInts("batch") },
  outputs: { y: "batch inner", length: ints("batch"), doubled: "batch twice" },
  attributes: { scale: 1, flip: false },
  derive: ({ inner }) => ({ twice: 2 * inner }),
  check: ({ time }) => {
    if (time === 0) throw new RangeError('Cannot run "gather": "time" is 0 but at least 1 was needed');
  },
  reference: ({
    dims: { batch, time, inner, twice },
    inputs: { x, at, bias, keep },
    outputs: { y, length, doubled },
    attributes: { scale, flip },
  }) => {
    for (let b = 0; b < batch; b++) {
      length[b] = keep?.[b] ?? time;
      for (let e = 0; e < inner; e++) {
        const value = x[(b * time + at[b]) * inner + e] * (flip ? -scale : scale) + (bias?.[e] ?? 0);
        y[b * inner + e] = value;
        doubled.fill(value, b * twice + 2 * e, b * twice + 2 * e + 2);
      }
    }
  },
});

const device = new Device(new HostBackend());
const x = device.tensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]);
const at = device.tensor([1, 0], [2], "i32");

describe("an op", () => {
  test("fills its outputs by name, in their shapes and dtypes", async () => {
    const { y, length, doubled } = gather({ x, at });
    expect([y.shape, length.shape, doubled.shape]).toEqual([[2, 2], [2], [2, 4]]);
    expect(length.dtype).toBe("i32");
    expect(await y.data()).toEqual(Float32Array.of(3, 4, 5, 6));
    expect(await length.data()).toEqual(Int32Array.of(2, 2));
    expect(await doubled.data()).toEqual(Float32Array.of(3, 3, 4, 4, 5, 5, 6, 6));
  });

  test("takes optional inputs and attributes", async () => {
    const bias = device.tensor([10, 20]);
    const keep = device.tensor([1, 2], [2], "i32");
    const { y, length } = gather({ x, at, bias, keep }, { scale: 2, flip: true });
    expect(await y.data()).toEqual(Float32Array.of(4, 12, 0, 8));
    expect(await length.data()).toEqual(Int32Array.of(1, 2));
    expect(await gather({ x, at, bias: undefined }).y.data()).toEqual(Float32Array.of(3, 4, 5, 6));
  });

  test("types its inputs, outputs and attributes by name", () => {
    expectTypeOf(gather).parameter(0).toHaveProperty("x").toEqualTypeOf<Tensor>();
    expectTypeOf(gather).parameter(0).toHaveProperty("bias").toEqualTypeOf<Tensor | undefined>();
    expectTypeOf(gather).returns.toEqualTypeOf<{
      readonly y: Tensor;
      readonly length: Tensor;
      readonly doubled: Tensor;
    }>();
    // @ts-expect-error an input is missing
    expect(() => gather({ x })).toThrow(new TypeError('Cannot run "gather": input at is missing'));
    // @ts-expect-error it has no such attribute
    expect(() => gather({ x, at }, { size: 1 })).toThrow(
      new TypeError('Cannot run "gather": it has no attribute size, only scale, flip'),
    );
  });

  test.each<[string, () => unknown, string]>([
    ["another dtype", () => gather({ x, at: device.tensor([1, 0]) }), "input at is f32 but i32 was needed"],
    [
      "another rank",
      () => gather({ x: x.reshape([4, 2]), at }),
      'x has shape [4, 2] but "batch time inner" was needed',
    ],
    ["sizes that disagree", () => gather({ x: x.reshape([1, 4, 2]), at }), '"batch" is 1 in x but 2 in at'],
    ["an unknown input", () => gather({ x, at, z: x } as never), "it has no input z, only x, at, bias, keep"],
    [
      "an attribute of another type",
      () => gather({ x, at }, { scale: true as never }),
      "attribute scale is a boolean but a number was needed",
    ],
  ])("names the culprit: %s", (_name, call, message) => {
    expect(call).toThrow(new TypeError(`Cannot run "gather": ${message}`));
  });

  test("names an input that was disposed, and one of another device", () => {
    const gone = x.share();
    gone.dispose();
    expect(() => gather({ x: gone, at })).toThrow(new TensorDisposedError('Cannot run "gather": input x was disposed'));
    const other = new Device(new HostBackend()).tensor([1, 0], [2], "i32");
    expect(() => gather({ x, at: other })).toThrow(
      new TypeError('Cannot run "gather": x is on "host" but at is on another device, "host"'),
    );
  });

  test("checks what shapes cannot say, and allocates nothing when it refuses", () => {
    const none = device.empty([2, 0, 2]);
    const before = device.liveBytes;
    expect(() => gather({ x: none, at })).toThrow(
      new RangeError('Cannot run "gather": "time" is 0 but at least 1 was needed'),
    );
    expect(device.liveBytes).toBe(before);
  });

  test("with leading dims keeps them", () => {
    const twice = defineOp({
      name: "twice",
      inputs: { x: "... inner" },
      outputs: { y: "... inner", sum: "..." },
      reference: ({ inputs, outputs }) => void outputs.y.set(inputs.x),
    });
    const { y, sum } = twice({ x: device.zeros([2, 3, 4]) });
    expect([y.shape, sum.shape]).toEqual([
      [2, 3, 4],
      [2, 3],
    ]);
    expect(twice({ x: device.zeros([4]) }).sum.shape).toEqual([]);
    expect(() => twice({ x: device.zeros([]) })).toThrow('x has shape [] but "... inner" was needed');
  });
});
