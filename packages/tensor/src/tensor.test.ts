import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { valueAndGrad } from "./autograd.ts";
import { Device } from "./device.ts";
import { add, mul } from "./elementary/binary.ts";
import { concat } from "./elementary/concat.ts";
import { TensorDisposedError } from "./errors.ts";
import { HostBackend } from "./host.ts";

/** A host whose views must be aligned as on a GPU, so that slices copy where they would there. */
class AlignedHost extends HostBackend {
  override readonly alignment = 256;
}

describe.each([
  ["alignment 4", () => new Device(new HostBackend())],
  ["alignment 256", () => new Device(new AlignedHost())],
])("tensor with %s", (_name, open) => {
  const device = open();
  const count = (...shape: number[]) =>
    device.tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
      shape,
    );

  test("gives its values back, of either dtype and any rank", async () => {
    expect(await device.tensor([1, 2, 3]).data()).toEqual(Float32Array.of(1, 2, 3));
    expect(await device.tensor([5], []).data()).toEqual(Float32Array.of(5));
    expect(await device.tensor([], [0, 4]).data()).toEqual(new Float32Array());
    const ints = device.tensor(Int32Array.of(-1, 2 ** 30), [2, 1]);
    expect(ints.dtype).toBe("i32");
    expect(await ints.data()).toEqual(Int32Array.of(-1, 2 ** 30));
    expect(await device.tensor([7, 8], [2], "i32").data()).toEqual(Int32Array.of(7, 8));
    expect(await device.full([2, 2], 3).data()).toEqual(Float32Array.of(3, 3, 3, 3));
    expect(await device.zeros([2]).data()).toEqual(Float32Array.of(0, 0));
  });

  test("data is a copy", async () => {
    const x = count(3);
    (await x.data())[0] = 9;
    expect(await x.data()).toEqual(Float32Array.of(0, 1, 2));
  });

  test("names its sizes", () => {
    expect(count(2, 3).dims("batch time")).toEqual({ batch: 2, time: 3 });
    expect(count(2, 3, 4).dims("... inner")).toEqual({ rows: 6, inner: 4 });
    expect(() => count(2, 3).dims("batch time inner")).toThrow(
      new TypeError(
        'Cannot take dims "batch time inner": the tensor has shape [2, 3] but "batch time inner" was needed',
      ),
    );
    expect(() => count(2, 3).dims("side side")).toThrow(/"side" is 2 .* but 3/);
  });

  test("reshapes without a copy and infers one length", async () => {
    const x = count(2, 6);
    const before = device.liveBytes;
    const y = x.reshape([3, -1]);
    expect(y.shape).toEqual([3, 4]);
    expect(device.liveBytes).toBe(before);
    expect(await y.data()).toEqual(await x.data());
    expect(() => x.reshape([5, -1])).toThrow(
      new TypeError("Cannot reshape: [2, 6] has 12 elements, which [5, -1] cannot hold"),
    );
    expect(() => x.reshape([11])).toThrow(TypeError);
  });

  test("slices along every axis as the array does", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.tuple(fc.nat(), fc.nat()),
        async (shape, pick, [a, b]) => {
          const axis = pick % shape.length;
          const [start, end] = [a % (shape[axis] + 1), b % (shape[axis] + 1)].toSorted((x, y) => x - y);
          const x = count(...shape);
          const part = x.slice(axis, start, end);
          const inner = shape.slice(axis + 1).reduce((p, n) => p * n, 1);
          const wanted = [...(await x.data())].filter((_, i) => {
            const at = Math.floor(i / inner) % shape[axis];
            return at >= start && at < end;
          });
          expect(part.shape).toEqual(shape.with(axis, end - start));
          expect([...(await part.data())]).toEqual(wanted);
        },
      ),
      { numRuns: 60 },
    ));

  test("refuses a slice that is not inside", () => {
    const x = count(2, 3);
    expect(() => x.slice(2, 0, 1)).toThrow(new RangeError("Cannot slice: axis 2 is not in [2, 3]"));
    expect(() => x.slice(1, 1, 4)).toThrow(new RangeError("Cannot slice: 1 to 4 is not inside dimension 1 of [2, 3]"));
    expect(() => x.slice(1, -1, 2)).toThrow(RangeError);
    expect(() => x.slice(0, 1.5, 2)).toThrow(RangeError);
  });

  test("splits the last dimension and joins it again", async () => {
    const x = count(3, 7);
    const parts = x.split([2, 0, 4, 1]);
    expect(parts.map(({ shape }) => shape)).toEqual([
      [3, 2],
      [3, 0],
      [3, 4],
      [3, 1],
    ]);
    expect(await parts[2].data()).toEqual(Float32Array.of(2, 3, 4, 5, 9, 10, 11, 12, 16, 17, 18, 19));
    expect(await concat(parts, 1).data()).toEqual(await x.data());
    expect(() => x.split([3, 3])).toThrow(
      new TypeError("Cannot split: parts [3, 3] add up to 6, the last dimension of [3, 7] does not"),
    );
  });

  test("concat of many holds little more than they and what it gives", async () => {
    const parts = Array.from({ length: 999 }, (_, i) => device.full([100], i));
    const before = device.liveBytes;
    using joined = concat(parts, 0);
    expect((await joined.data()).filter((_, i) => i % 100 === 0)).toEqual(
      Float32Array.from({ length: 999 }, (_, i) => i),
    );
    expect(device.liveBytes - before).toBe(joined.byteLength);
    expect(device.peakBytes - before).toBeLessThan(3 * joined.byteLength);
  });

  test("joins along any axis and refuses what does not fit", async () => {
    const joined = concat([count(2, 1), count(2, 2), count(2, 1)], 1);
    expect(await joined.data()).toEqual(Float32Array.of(0, 0, 1, 0, 1, 2, 3, 1));
    expect(await concat([count(2)], 0).data()).toEqual(Float32Array.of(0, 1));
    expect(() => concat([], 0)).toThrow(new TypeError("Cannot concat: at least one tensor was needed"));
    expect(() => concat([count(2, 3), count(3, 3)], 1)).toThrow(
      new TypeError("Cannot concat: [3, 3] does not fit [2, 3] along axis 1"),
    );
  });

  test("adds and multiplies, the smaller operand repeated, on either side", async () => {
    const x = count(2, 3);
    const b = device.tensor([10, 20, 30]);
    const sum = Float32Array.of(10, 21, 32, 13, 24, 35);
    expect(await x.add(b).data()).toEqual(sum);
    expect(await b.add(x).data()).toEqual(sum);
    expect(await x.mul(device.tensor([2], [])).data()).toEqual(Float32Array.of(0, 2, 4, 6, 8, 10));
    expect(await mul(x, x).data()).toEqual(Float32Array.of(0, 1, 4, 9, 16, 25));
    expect((await x.exp().data())[1]).toBeCloseTo(Math.E, 6);
    expect([...(await x.neg().data())]).toEqual([-0, -1, -2, -3, -4, -5]);
    expect(() => add(x, count(2))).toThrow(
      new TypeError(
        'Cannot run "add": [2, 3] and [2] differ; equal shapes, or one that ends in the other, were needed',
      ),
    );
  });

  test("cannot be used after it was disposed, and disposing twice is harmless", async () => {
    const x = count(2);
    x.dispose();
    x.dispose();
    expect(x.disposed).toBe(true);
    const message = "a tensor of shape [2]: it was disposed, or its scope has ended";
    await expect(x.data()).rejects.toThrow(new TensorDisposedError(`Cannot read ${message}`));
    expect(() => x.reshape([1, 2])).toThrow(new TensorDisposedError(`Cannot use ${message}`));
    expect(() => x.neg()).toThrow(new TensorDisposedError('Cannot run "neg": input x was disposed'));
  });

  test("views keep the memory for as long as one of them lives", async () => {
    const before = device.liveBytes;
    const x = count(128, 4);
    const bytes = device.liveBytes - before;
    expect(bytes).toBe(128 * 4 * 4);
    const views = [x.share(), x.reshape([512]), x.slice(0, 64, 128)];
    expect(device.liveBytes).toBe(before + bytes);
    x.dispose();
    views[0].dispose();
    views[1].dispose();
    expect(device.liveBytes).toBe(before + bytes);
    expect((await views[2].data())[0]).toBe(256);
    views[2].dispose();
    expect(device.liveBytes).toBe(before);
  });
});

describe("assign", () => {
  test("gives other values; who shares those of before keeps them", async () => {
    const device = new Device(new HostBackend());
    const parameter = device.tensor([1, 2]);
    const view = parameter.reshape([2, 1]);
    const next = device.tensor([3, 4]);
    parameter.assign(next);
    expect([await parameter.data(), await view.data()]).toEqual([Float32Array.of(3, 4), Float32Array.of(1, 2)]);
    expect(next.disposed).toBe(true);
    expect(parameter.version).toBe(1);
  });

  test("frees the values of before", () => {
    const device = new Device(new HostBackend());
    const parameter = device.zeros([8]);
    const before = device.liveBytes;
    parameter.assign(device.zeros([8]));
    parameter.assign(parameter);
    expect(device.liveBytes).toBe(before);
  });

  test("outlives the scope that the values were made in", async () => {
    const device = new Device(new HostBackend());
    const parameter = device.tensor([1, 2]);
    {
      using _ = device.scope();
      parameter.assign(parameter.exp());
    }
    expect(await parameter.data()).toEqual(Float32Array.of(Math.E, Math.E ** 2));
  });

  test("names what does not fit", () => {
    const device = new Device(new HostBackend());
    const parameter = device.zeros([2, 3]);
    expect(() => parameter.assign(device.zeros([3, 2]))).toThrow(
      new TypeError("Cannot assign to a tensor: the values are f32 [3, 2] but f32 [2, 3] was needed"),
    );
    expect(() => parameter.assign(new Device(new HostBackend()).zeros([2, 3]))).toThrow("on another device");
    expect(() =>
      valueAndGrad(
        () => {
          parameter.assign(device.zeros([2, 3]));
          return parameter;
        },
        { parameter },
      ),
    ).toThrow("a valueAndGrad that may follow it is running");
  });
});
