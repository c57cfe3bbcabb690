import { describe, expect, test } from "vitest";
import { Device } from "./device.ts";
import { concat } from "./elementary/concat.ts";
import { HostBackend } from "./host.ts";
import type { Tensor } from "./tensor.ts";

describe("scope", () => {
  const device = new Device(new HostBackend());

  /** Uses everything that allocates; one tensor comes out. */
  function work(x: Tensor): Tensor {
    using scope = device.scope();
    const [a, b] = x.add(x.mul(x)).split([1, 2]);
    return scope.keep(concat([b.exp(), a.neg()], 1));
  }

  test("frees what was made in it and keeps what is kept", async () => {
    const before = device.liveBytes;
    const x = device.tensor([0, 1, 2, 3, 4, 5], [2, 3]);
    const y = work(x);
    expect(device.liveBytes).toBe(before + x.byteLength + y.byteLength);
    expect((await y.data())[2]).toBe(-0);
    x.dispose();
    y.dispose();
    expect(device.liveBytes).toBe(before);
  });

  test("live bytes return to where they began, a thousand times", () => {
    const before = device.liveBytes;
    for (let i = 0; i < 1000; i++) {
      using scope = device.scope();
      work(scope.keep(device.tensor([0, 1, 2, 3, 4, 5], [2, 3])).share()).dispose();
      using inner = device.scope();
      inner.keep(device.zeros([5]));
    }
    // the kept tensors of the outer scopes were kept for nobody: they are the caller's to free
    expect(device.liveBytes).toBe(before + 1000 * 6 * 4);
    expect(device.peakBytes).toBeGreaterThanOrEqual(device.liveBytes);
  });

  test("a nested scope hands what it keeps to the one around it", () => {
    const before = device.liveBytes;
    let kept: Tensor;
    {
      using outer = device.scope();
      {
        using inner = device.scope();
        expect(inner.parent).toBe(outer);
        kept = inner.keep(device.zeros([4]));
        device.zeros([8]);
      }
      expect(kept.disposed).toBe(false);
      expect(device.liveBytes).toBe(before + 16);
    }
    expect(kept.disposed).toBe(true);
    expect(device.liveBytes).toBe(before);
  });

  test("keeping a tensor from before the scope changes nothing", () => {
    const x = device.zeros([2]);
    {
      using scope = device.scope();
      expect(scope.keep(x)).toBe(x);
    }
    expect(x.disposed).toBe(false);
    x.dispose();
  });

  test("frees also when an error leaves it", () => {
    const before = device.liveBytes;
    expect(() => {
      using scope = device.scope();
      expect(scope.parent).toBeUndefined();
      device.zeros([16]);
      throw new RangeError("stop");
    }).toThrow("stop");
    expect(device.liveBytes).toBe(before);
  });

  test("must end before the scopes around it", () => {
    const outer = device.scope();
    const inner = device.scope();
    expect(() => outer[Symbol.dispose]()).toThrow(
      new TypeError("Cannot end a scope: another one that started later is still open; end it before an await"),
    );
    inner[Symbol.dispose]();
    outer[Symbol.dispose]();
  });
});
