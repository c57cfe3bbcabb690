import { backends, expectIndependent, randomInputs, someOf, tries } from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { embedding, embeddingOp as op } from "./embedding.ts";

const shapes = [
  { rows: 1, vocab: 1, features: 1 },
  { rows: 63, vocab: 5, features: 257 },
  { rows: 257, vocab: 300, features: 3 },
  { rows: 300, vocab: 7, features: 129 }, // enough for several threads
];

describe.each(backends())("embedding on $name", ({ run }) => {
  test.each(shapes)("copies rows bit for bit at $rows of $vocab x $features", async (sizes) => {
    const { vocab, features } = sizes;
    const inputs = randomInputs(op, sizes, { seed: 1, ranges: { ids: [0, vocab - 1] } });
    const rows = [...inputs.ids].flatMap((id) => [...inputs.weight.subarray(id * features, (id + 1) * features)]);
    expect((await run(op, sizes, inputs)).y).toEqual(Float32Array.from(rows));
  });

  test("gives nothing for no ids", async () => {
    const sizes = { rows: 0, vocab: 4, features: 3 };
    expect((await run(op, sizes, randomInputs(op, sizes, { seed: 1 }))).y).toEqual(new Float32Array());
  });

  test("gives NaN for an id outside the vocabulary and the row for the others", async () => {
    const weight = Float32Array.of(1, 2, 3, 4);
    const { y } = await run(op, { rows: 4, vocab: 2, features: 2 }, { ids: Float32Array.of(1, -1, 2, 0), weight });
    expect(y).toEqual(Float32Array.of(3, 4, NaN, NaN, NaN, NaN, 1, 2));
  });

  test("looks up each id by itself", () => {
    const sizes = { rows: 9, vocab: 11, features: 5 };
    const inputs = randomInputs(op, sizes, { seed: 2, ranges: { ids: [0, 10] } });
    return fc.assert(
      fc.asyncProperty(someOf(sizes.rows), (rows) => expectIndependent(run, { op, sizes, inputs }, "rows", rows)),
      tries,
    );
  });
});

test("names ids that are no integers", () => {
  const device = new Device(new HostBackend());
  expect(() => embedding(device.tensor([0, 1]), device.zeros([2, 2]))).toThrow(
    new TypeError('Cannot run "embedding": input ids is f32 but i32 was needed'),
  );
});
