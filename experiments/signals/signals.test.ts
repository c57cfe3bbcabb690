import { expect, test } from "vitest";
import { batchesOf, SignalBatches, type Signals } from "./signals.ts";

const three: Signals = {
  classes: 3,
  time: 2,
  values: Float32Array.of(0, 1, 10, 11, 20, 21),
  labels: Uint8Array.of(0, 1, 2),
};

test("a batch asks for the class at the last step of each signal", () => {
  const batches = batchesOf(three, 2);
  expect(batches.map(({ batch, time }) => [batch, time])).toEqual([
    [2, 2],
    [1, 2],
  ]);
  expect([...batches[0].ids]).toEqual([0, 1, 10, 11]);
  expect([...batches[0].labels]).toEqual([-100, 0, -100, 1]);
  expect([...batches[1].labels]).toEqual([-100, 2]);
});

test("batches follow from seed and position", () => {
  const take = (seed: number, skip = 0) => {
    const data = new SignalBatches(three, { batch: 6, seed });
    data.position = { ...data.position, window: skip };
    return [...data.next().ids];
  };
  expect(take(1)).toEqual(take(1));
  expect(take(1)).not.toEqual(take(2));
  const data = new SignalBatches(three, { batch: 6, seed: 1 });
  data.next();
  expect([...data.next().ids]).toEqual(take(1, 1));
});
