import { DeviceLostError, Device, OutOfMemoryError, UnsupportedError } from "@elapid/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { affine, affineKernel, openRaw, openSoftware, pick, pickKernel } from "./gpu.fixture.ts";
import { defineKernel } from "./kernel.ts";
import { wgsl } from "./wgsl.ts";

const bytes = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

describe("WebGpuBackend", () => {
  let device: Device;
  beforeAll(async () => void (device = await openSoftware({ kernels: [affineKernel, pickKernel] })));
  afterAll(() => device.dispose());

  test("runs a kernel with and without its optional input", async () => {
    using x = device.tensor([1, 2, 3]);
    using plain = affine({ x }, { factor: 2 }).y;
    using shifted = affine({ x, offset: plain }, { factor: 10 }).y;
    expect([...(await shifted.data())]).toEqual([12, 24, 36]);
    expect([...(await plain.data())]).toEqual([2, 4, 6]);
  });

  test("keeps writes, ops and reads in order, also while pipelines compile", async () => {
    const late = await openSoftware({ kernels: [affineKernel] });
    using x = late.tensor([1, 2]);
    using before = affine({ x }, { factor: 3 }).y;
    const read = before.data();
    const patch = bytes(50);
    late.write(x, patch, 4);
    patch.fill(0); // the caller may reuse its bytes
    using after = affine({ x }, { factor: 3 }).y;
    late.write(x, bytes(0, 0));
    expect([...(await after.data())]).toEqual([3, 150]);
    expect([...(await read)]).toEqual([3, 6]);
    expect([...(await x.data())]).toEqual([0, 0]);
    late.dispose();
  });

  test("runs an op without a kernel on the host, in its place", async () => {
    const notices: string[] = [];
    const bare = await openSoftware(
      { kernels: [pickKernel] },
      { strict: false, onNotice: (message) => notices.push(message) },
    );
    using table = bare.tensor([1, 2, 3, 4], [2, 2]);
    using index = bare.tensor([1]);
    using row = pick({ index, table }).y;
    using doubled = affine({ x: row }, { factor: 2 }).y;
    using again = affine({ x: doubled }, { factor: 2 }).y;
    bare.write(table, bytes(0, 0, 0, 0));
    using zero = pick({ index, table }).y;
    expect([...(await again.data())]).toEqual([12, 16]);
    expect([...(await zero.data())]).toEqual([0, 0]);
    expect(notices).toEqual(['"affine" has no kernel on "webgpu" for these sizes; its reference runs on the host']);
    bare.dispose();
  });

  test("refuses an op without a kernel when it is told to", async () => {
    const bare = await openSoftware({ kernels: [] });
    expect(() => affine({ x: bare.tensor([1]) })).toThrow(UnsupportedError);
    bare.dispose();
  });

  test("runs more workgroups than fit into one direction", async () => {
    const size = 65_535 + 70;
    using x = device.tensor(Float32Array.from({ length: size }, (_, i) => i));
    using y = affine({ x }, { factor: 2 }).y;
    const data = await y.data();
    expect(data[65_534]).toBe(131_068);
    expect(data[size - 1]).toBe(2 * (size - 1));
  });

  test("keeps what a kernel works in until it ran, however much it is", async () => {
    const large = defineKernel(affine, {
      algorithm: "with more scratch than the pool keeps",
      scratch: { sums: () => 17 * 2 ** 20 }, // numbers; the pool keeps 64 MiB
      binds: ["x", "sums", "y"],
      workgroups: ({ rows }) => rows,
      source: () => wgsl`
        @compute @workgroup_size(1)
        fn main(@builtin(workgroup_id) group: vec3u) {
          sums[group.x] = x[group.x];
          y[group.x] = sums[group.x] * dims.factor;
        }
      `,
    });
    const fresh = await openSoftware({ kernels: [large] });
    using x = fresh.tensor([1, 2, 3]);
    using y = affine({ x }, { factor: 2 }).y; // its pipeline is not compiled yet, so the queue stops in between
    expect([...(await y.data())]).toEqual([2, 4, 6]);
    fresh.dispose();
  });

  test("resolves finish() when everything is done, also when nothing is", async () => {
    await device.finish();
    using x = device.tensor([1]);
    affine({ x }).y.dispose();
    await device.finish();
  });

  test("refuses bytes that are not whole multiples of 4", () => {
    using x = device.tensor([1]);
    expect(() => device.write(x, new Uint8Array(2))).toThrow(
      new RangeError("Cannot write: bytes 0 to 2 are not whole multiples of 4"),
    );
  });
});

describe("memory", () => {
  test("counts what tensors hold and does not grow over a thousand identical runs", async () => {
    const { backend } = await openRaw({ kernels: [affineKernel] });
    const device = new Device(backend, { strict: true });
    const step = () => {
      using x = device.tensor(new Float32Array(1000));
      using y = affine({ x }, { factor: 2 }).y;
      using z = affine({ x: y, offset: x }).y;
      return z.share();
    };
    step().dispose();
    await device.finish();
    const { pooledBytes, pipelineCount } = backend;
    expect(device.liveBytes).toBe(0);
    expect(device.peakBytes).toBe(12_000);
    for (let i = 0; i < 1000; i++) {
      using result = step();
      expect(device.liveBytes).toBe(4000);
      if (i % 100 === 0) await result.data();
    }
    await device.finish();
    expect(device.liveBytes).toBe(0);
    expect(device.peakBytes).toBe(12_000);
    expect(backend.pooledBytes).toBe(pooledBytes);
    expect(backend.pipelineCount).toBe(pipelineCount);
    device.dispose();
  });

  test("keeps no more freed memory than its bound", async () => {
    const { backend } = await openRaw({});
    for (let mebibytes = 1; mebibytes < 20; mebibytes++) backend.free(backend.allocate(mebibytes * 2 ** 20, 4));
    expect(backend.pooledBytes).toBeLessThanOrEqual(64 * 2 ** 20);
    await backend.finish();
    backend.dispose();
  });

  test("says how much was needed and how much is left when a bound is reached", async () => {
    const device = await openSoftware({ kernels: [], maxBytes: 4 * 2 ** 20 });
    using held = device.empty([2 ** 20 - 2 ** 18]);
    expect(held.byteLength).toBe(3 * 2 ** 20);
    expect(() => device.empty([2 ** 19])).toThrow(OutOfMemoryError);
    expect(() => device.empty([2 ** 19])).toThrow("2.0 MiB needed, 1.0 MiB available");
    expect(device.liveBytes).toBe(3 * 2 ** 20);
    device.dispose();
  });

  test.each([5, 64])(
    "runs over tensors that are larger than a binding, part by part, at rows of %i",
    async (features) => {
      const device = await openSoftware({ kernels: [affineKernel, pickKernel], maxBindingBytes: 64 * 4 * features });
      const rows = 257;
      const values = Float32Array.from({ length: rows * features }, (_, i) => i);
      using table = device.tensor(values, [rows, features]);
      expect(await table.data()).toEqual(values);
      const picked = Array.from({ length: 150 }, (_, i) => (i * 91) % rows);
      using index = device.tensor(picked);
      using y = pick({ index, table }).y; // table and y are cut
      expect([...(await y.data())]).toEqual(
        picked.flatMap((row) => [...values.subarray(row * features, (row + 1) * features)]),
      );
      device.write(table, bytes(-1, -2), 64 * 4 * features - 4); // across the cut
      const cut = 64 * features;
      expect([...(await table.data())].slice(cut - 2, cut + 2)).toEqual([cut - 2, -1, -2, cut + 1]);
      using flat = table.reshape([rows * features]);
      using doubled = affine({ x: flat, offset: flat }, { factor: 2 }).y;
      expect([...(await doubled.data())].slice(cut - 2, cut + 2)).toEqual([3 * (cut - 2), -3, -6, 3 * (cut + 1)]);
      device.dispose();
    },
  );

  test("goes through the host where a cut falls where no binding may start", async () => {
    const notices: string[] = [];
    const device = await openSoftware(
      { kernels: [pickKernel], maxBindingBytes: 1000 },
      { strict: false, onNotice: (message) => notices.push(message) },
    );
    using table = device.tensor(
      Float32Array.from({ length: 300 }, (_, i) => i),
      [60, 5],
    );
    using index = device.tensor(Float32Array.from({ length: 60 }, (_, i) => 59 - i));
    using y = pick({ index, table }).y;
    expect([...(await y.data())].slice(245, 255)).toEqual([50, 51, 52, 53, 54, 45, 46, 47, 48, 49]);
    expect(notices).toHaveLength(1);
    device.dispose();
  });
});

describe("errors", () => {
  const broken = defineKernel(affine, {
    workgroups: () => 1,
    source: () => wgsl`@compute @workgroup_size(1) fn main() { y[0] = oops; }`,
  });
  const huge = defineKernel(pick, {
    workgroups: () => 1,
    source: () => wgsl`
      var<workgroup> room: array<f32, 100000>;
      @compute @workgroup_size(1) fn main() { y[0] = index[0] + table[0] + room[u32(index[0])]; }
    `,
  });

  test("names the op and the line whose WGSL does not compile", async () => {
    const device = await openSoftware({ kernels: [broken] });
    using x = device.tensor([1]);
    using y = affine({ x }).y;
    const pending = [y.data(), device.finish()];
    for (const result of pending) {
      await expect(result).rejects.toThrow(
        /^Cannot run "affine" on WebGPU: its WGSL does not compile: .*oops.*, in "@compute/,
      );
    }
    expect([...(await x.data())]).toEqual([1]); // told once, then the device goes on
    device.dispose();
  });

  test("tells finish() too, and one error after another", async () => {
    const device = await openSoftware({ kernels: [broken, huge] });
    using x = device.tensor([1]);
    affine({ x }).y.dispose();
    await expect(device.finish()).rejects.toThrow('Cannot run "affine" on WebGPU');
    using table = device.tensor([1], [1, 1]);
    pick({ index: x, table }).y.dispose();
    await expect(device.finish()).rejects.toThrow('Cannot run "pick" on WebGPU');
    await device.finish();
    device.dispose();
  });

  test("names the op of a dispatch that the device refuses", async () => {
    const { backend, gpuDevice } = await openRaw({ kernels: [affineKernel] });
    const device = new Device(backend, { strict: true });
    using x = device.tensor([1]);
    await affine({ x }).y.data();
    // a buffer that was destroyed behind the backend's back
    const create = gpuDevice.createBindGroup.bind(gpuDevice);
    gpuDevice.createBindGroup = (descriptor) => {
      for (const { resource } of descriptor.entries) (resource as GPUBufferBinding).buffer.destroy();
      return create(descriptor);
    };
    using y = affine({ x }).y;
    await expect(y.data()).rejects.toThrow('Cannot run "affine" on WebGPU');
    device.dispose();
  });

  test("answers the loss of the device with DeviceLostError, to who waits and to who comes later", async () => {
    const { backend, gpuDevice } = await openRaw({ kernels: [affineKernel] });
    const device = new Device(backend, { strict: true });
    using x = device.tensor([1]);
    using y = affine({ x }).y;
    const read = y.data();
    gpuDevice.destroy();
    await expect(read).rejects.toThrow(DeviceLostError);
    await expect(x.data()).rejects.toThrow(DeviceLostError);
    expect(() => affine({ x })).toThrow(DeviceLostError);
    expect(() => device.empty([1])).toThrow(/the GPU device was lost: .*; open a new device$/);
    device.dispose();
  });

  test("can be disposed while its first pipeline compiles", async () => {
    const { backend } = await openRaw({ kernels: [affineKernel] });
    const device = new Device(backend, { strict: true });
    const x = device.tensor([1]);
    const read = affine({ x }).y.data();
    await Promise.resolve();
    device.dispose();
    await expect(read).rejects.toThrow(DeviceLostError);
    await new Promise((resolve) => setTimeout(resolve, 50)); // what fails unheard fails the test run
  });

  test("rejects what is pending when it is disposed", async () => {
    const { backend } = await openRaw({ kernels: [affineKernel] });
    const memory = backend.allocate(16, 4);
    const read = backend.read(memory, 0, 16);
    const finish = backend.finish();
    backend.dispose();
    backend.dispose();
    await expect(read).rejects.toThrow("Cannot go on: the device was disposed; open a new device");
    await expect(finish).rejects.toThrow(DeviceLostError);
    expect(() => backend.allocate(4, 4)).toThrow("Cannot allocate: the device was disposed; open a new device");
    backend.free(memory);
    expect(backend.liveBytes).toBe(0);
  });
});
