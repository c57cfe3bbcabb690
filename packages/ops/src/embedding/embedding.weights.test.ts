import { backends } from "@elapid/testing";
import { Device, HostBackend, randomSource } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { embedding } from "./embedding.ts";

const host = new Device(new HostBackend());

async function rows(device: Device, ids: Int32Array, table: Float32Array, shape: [number, number], dtype: Narrow) {
  using scope = device.scope();
  const y = scope.keep(embedding(device.tensor(ids), device.tensor(table, shape, dtype)));
  const values = await y.data();
  y.dispose();
  return values;
}

const narrow = ["f16", "bf16", "q8", "q4"] as const;
type Narrow = (typeof narrow)[number];

describe.each(backends())("embedding with narrow weights on $name", ({ device }) => {
  test.each(narrow.flatMap((dtype) => [1, 31, 64, 257].map((features) => ({ dtype, features }))))(
    "gives the stored numbers of $dtype exactly, $features of them",
    async ({ dtype, features }) => {
      const source = randomSource(features);
      const table = Float32Array.from({ length: 21 * features }, () => 2 * source.next() - 1);
      const ids = Int32Array.of(0, 7, 8, 20, -1, 13, 21, 3);
      const expected = await rows(host, ids, table, [21, features], dtype);
      expect(await rows(await device(), ids, table, [21, features], dtype)).toEqual(expected);
      expect(expected.subarray(4 * features, 5 * features).every(Number.isNaN)).toBe(true);
    },
  );
});
