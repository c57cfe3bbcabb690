import { describe, expect, test } from "vitest";
import { Device } from "./device.ts";
import { neg } from "./elementary/unary.ts";
import { DeviceLostError, OutOfMemoryError, UnsupportedError } from "./errors.ts";
import { HostBackend } from "./host.ts";

describe("device", () => {
  test("refuses values that do not fill the shape, and shapes that are none", () => {
    const device = new Device(new HostBackend());
    expect(() => device.tensor([1, 2, 3], [2, 2])).toThrow(
      new TypeError("Cannot make a tensor: shape [2, 2] has 4 elements but 3 values were given"),
    );
    for (const shape of [[2, -1], [1.5], [NaN]]) {
      expect(() => device.empty(shape)).toThrow(
        /^Cannot make a tensor: dimension \d of \[.*\] must be a whole number of at least 0$/,
      );
    }
  });

  test("writes bytes in pieces and refuses those that do not fit", async () => {
    const device = new Device(new HostBackend());
    const x = device.zeros([4]);
    device.write(x, new Uint8Array(Float32Array.of(1, 2).buffer), 8);
    expect(await x.data()).toEqual(Float32Array.of(0, 0, 1, 2));
    expect(() => device.write(x, new Uint8Array(12), 8)).toThrow(
      new RangeError("Cannot write: bytes 8 to 20 do not fit into a tensor of 16 bytes"),
    );
    expect(() => device.write(x, new Uint8Array(4), -4)).toThrow(RangeError);
  });

  test("counts live and peak bytes", () => {
    const device = new Device(new HostBackend());
    const [a, b] = [device.zeros([100]), device.zeros([50])];
    expect([device.liveBytes, device.peakBytes]).toEqual([600, 600]);
    a.dispose();
    b.dispose();
    expect([device.liveBytes, device.peakBytes]).toEqual([0, 600]);
  });

  test("cannot be used after it was disposed", async () => {
    const device = new Device(new HostBackend());
    const x = device.zeros([1]);
    device.dispose();
    device.dispose();
    const why = "the device was disposed; open a new one";
    expect(() => device.zeros([1])).toThrow(new DeviceLostError(`Cannot make a tensor: ${why}`));
    await expect(x.data()).rejects.toThrow(new DeviceLostError(`Cannot read: ${why}`));
    expect(() => neg(x)).toThrow(DeviceLostError);
    expect(() => device.scope()).toThrow(DeviceLostError);
  });

  describe("with a backend that lacks a kernel", () => {
    // what a backend without kernels does: its reference runs on the data
    class NoKernels extends HostBackend {
      override readonly kind = "wasm";
    }

    test("runs the reference and says so once", async () => {
      const notices: string[] = [];
      const device = new Device(new NoKernels(), { onNotice: (message) => notices.push(message) });
      const x = device.tensor([1, 2]);
      expect([...(await neg(neg(x)).data())]).toEqual([1, 2]);
      expect(notices).toEqual(['"neg" has no kernel on "wasm" for these sizes; its reference runs on the host']);
    });

    test("refuses when it is strict", () => {
      const device = new Device(new NoKernels(), { strict: true });
      expect(() => neg(device.tensor([1]))).toThrow(UnsupportedError);
      expect(() => neg(device.tensor([1]))).toThrow(/^Cannot run "neg": "neg" has no kernel on "wasm"/);
    });
  });

  test("says how much memory was needed and how much there was", () => {
    const error = new OutOfMemoryError("wasm", 3 * 2 ** 20, 2 ** 19);
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ needed: 3 * 2 ** 20, available: 2 ** 19, name: "OutOfMemoryError" });
    expect(error.message).toMatch(/^Cannot allocate on wasm: 3\.0 MiB needed, 0\.5 MiB available/);
  });
});
