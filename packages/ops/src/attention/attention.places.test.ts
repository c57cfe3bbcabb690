import { backends, expectMatchesReference, randomInputs } from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { attentionPlaces as op } from "./attention.places.ts";

const sizes = [
  { batch: 1, held: 2, time: 1 },
  { batch: 3, held: 2, time: 63 },
  { batch: 2, held: 259, time: 5 },
  { batch: 2, held: 7, time: 130 },
];
const ranges = { seen: [0, 5], mask: [0, 1], seqIdx: [0, 1] } as const;

describe.each(backends())("places of keys on $name", ({ run, device }) => {
  test.each(sizes)("are those of the reference at batch $batch, held $held, time $time", async (size) => {
    const attributes = { time: size.time };
    for (const without of [[], ["mask"], ["seqIdx"], ["mask", "seqIdx"]]) {
      const inputs = randomInputs(op, size, { seed: 1, ranges, without, attributes });
      const seen = inputs.seen.map((value, i) => (i % size.held < 2 ? Math.floor(value) : Number(value < 2.5)));
      await expectMatchesReference(run, { op, sizes: size, inputs: { ...inputs, seen }, attributes }, 0);
    }
  });

  test("of sequences with padding count what is there", async () => {
    const there = await device();
    using scope = there.scope();
    const row = (...numbers: number[]) => there.tensor(Int32Array.from(numbers), [1, numbers.length]);
    const places = op(
      { seen: there.tensor([2, 1, 0, 1, 1], [1, 5]), mask: row(1, 0, 1, 1, 0), seqIdx: row(7, 8, 7, 9, 7) },
      { time: 5 },
    );
    expect([...(await places.position.data())]).toEqual([2, 3, 3, 0, 1]);
    expect([...(await places.first.data())]).toEqual([1, 1, 1, 6, 6]);
    expect([...(await places.visible.data())]).toEqual([0, 1, 1, 1, 0, 1, 1, 0]);
    expect([...(await places.next.data())]).toEqual([1, 6, 0, 1, 1, 1, 0, 1, 1, 0]);
    void scope;
  });
});
