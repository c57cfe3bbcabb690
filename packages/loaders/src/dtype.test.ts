import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dtypeWidth, fromFloat32, storedDTypes, toFloat32 } from "./dtype.ts";

const every16 = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

/** A half by its definition: sign, 5 bits of exponent with bias 15, 10 of mantissa. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + mantissa / 1024) : 2 ** -24 * mantissa);
}

const bytesOf = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

describe("toFloat32", () => {
  test("decodes each of the 65536 halves exactly", () => {
    const floats = toFloat32(bytesOf(every16), "f16");
    const wrong = [...every16].filter((bits) => !Object.is(floats[bits], half(bits)));
    expect(wrong).toEqual([]);
  });

  test("keeps the upper bits of each of the 65536 bfloat16, those of a NaN too", () => {
    const bits = new Uint32Array(toFloat32(bytesOf(every16), "bf16").buffer);
    expect([...every16].filter((brain) => bits[brain] !== brain * 65536)).toEqual([]);
  });

  test("reads every dtype, aligned or not", () => {
    const stored = {
      f64: new Float64Array([1, -2.5, 0]),
      f32: new Float32Array([1, -2.5, 0]),
      f16: new Uint16Array([0x3c00, 0xc100, 0]),
      bf16: new Uint16Array([0x3f80, 0xc020, 0]),
      i64: new BigInt64Array([1n, -2n, 0n]),
      i32: new Int32Array([1, -2, 0]),
      i16: new Int16Array([1, -2, 0]),
      i8: new Int8Array([1, -2, 0]),
      u64: new BigUint64Array([1n, 2n, 0n]),
      u32: new Uint32Array([1, 2, 0]),
      u16: new Uint16Array([1, 2, 0]),
      u8: new Uint8Array([1, 2, 0]),
      bool: new Uint8Array([1, 2, 0]),
    };
    for (const dtype of storedDTypes) {
      const bytes = bytesOf(stored[dtype]);
      const second = dtype === "bool" ? 1 : /f/.test(dtype) ? -2.5 : dtype.startsWith("u") ? 2 : -2;
      expect(bytes.byteLength, dtype).toBe(3 * dtypeWidth(dtype));
      expect([...toFloat32(bytes, dtype)], dtype).toEqual([1, second, 0]);
      const odd = new Uint8Array(bytes.byteLength + 1);
      odd.set(bytes, 1);
      expect([...toFloat32(odd.subarray(1), dtype)], `${dtype} at an odd offset`).toEqual([1, second, 0]);
    }
  });

  test("refuses half an element", () => {
    expect(() => toFloat32(new Uint8Array(7), "f32")).toThrow(
      "Cannot convert to float32: 7 bytes are no whole number of f32",
    );
  });
});

describe("fromFloat32", () => {
  test.each(["f16", "bf16"] as const)("gives back each of the 65536 %s", (dtype) => {
    const back = new Uint16Array(fromFloat32(toFloat32(bytesOf(every16), dtype), dtype).buffer);
    // a signalling NaN comes back quiet
    const quiet = dtype === "f16" ? 0x200 : 0x40;
    const wrong = [...every16].filter(
      (bits) =>
        back[bits] !==
        (Number.isNaN(toFloat32(bytesOf(every16.slice(bits, bits + 1)), dtype)[0]) ? bits | quiet : bits),
    );
    expect(wrong).toEqual([]);
  });

  test.each(["f16", "bf16"] as const)("rounds to the nearest %s, ties to even", (dtype) => {
    const step = new Uint16Array(1);
    const valueOf = (bits: number): number => {
      step[0] = bits;
      const value = toFloat32(bytesOf(step), dtype)[0];
      // for the distance, infinity stands where the next larger number would
      return Number.isFinite(value) ? value : Math.sign(value) * (dtype === "f16" ? 2 ** 16 : 2 ** 128);
    };
    fc.assert(
      fc.property(
        fc.oneof(
          fc.float({ noNaN: true, noDefaultInfinity: true }),
          fc.float({ noNaN: true, min: -70000, max: 70000 }),
          fc.float({ noNaN: true, min: -(2 ** -13), max: 2 ** -13 }),
        ),
        (value) => {
          const [bits] = new Uint16Array(fromFloat32(new Float32Array([value]), dtype).buffer);
          const error = Math.abs(valueOf(bits) - value);
          const isInfinite = (bits & 0x7fff) === (dtype === "f16" ? 0x7c00 : 0x7f80);
          const neighbours = [(bits & 0x7fff) === 0 ? bits : bits - 1, isInfinite ? bits : bits + 1].filter(
            (other) => other !== bits,
          );
          for (const other of neighbours) {
            const otherError = Math.abs(valueOf(other) - value);
            expect(isInfinite && Math.abs(value) > valueOf(bits & 0x7fff) ? 0 : error).toBeLessThanOrEqual(otherError);
            if (error === otherError) expect(bits & 1).toBe(0);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  test("keeps the sign of zero, infinities and NaN", () => {
    const values = new Float32Array([-0, Infinity, -Infinity, NaN, 1e9, -1e-9]);
    expect([...toFloat32(fromFloat32(values, "f16"), "f16")]).toEqual([-0, Infinity, -Infinity, NaN, Infinity, -0]);
    expect([...toFloat32(fromFloat32(values, "bf16"), "bf16")].slice(0, 4)).toEqual([-0, Infinity, -Infinity, NaN]);
    expect([...toFloat32(fromFloat32(values, "f32"), "f32")]).toEqual([...values]);
  });
});
