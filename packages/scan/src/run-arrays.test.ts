import { host, randomInputs, expectClose } from "@elapid/testing";
import { expect, test } from "vitest";
import { linearScan } from "./linear-scan/linear-scan.ts";
import { scanSum } from "./associative-scan/scan-sum.ts";
import { runArrays } from "./run-arrays.ts";
import { selectiveScan, selectiveScanOp } from "./selective-scan/selective-scan.ts";

test("gives the outputs of an op with their shapes", async () => {
  const [batch, time, inner, state] = [2, 9, 5, 4];
  const sizes = { batch, time, inner, state, batchB: 2, timeB: 9, groupsB: 1, batchC: 2, timeC: 9, groupsC: 1 };
  const without = ["D", "z", "deltaBias", "initialState", "mask", "seqIdx"];
  const arrays = randomInputs(selectiveScanOp, sizes, { seed: 1, ranges: { A: [-2, -1] }, without });
  const shapes = {
    u: [batch, time, inner],
    delta: [batch, time, inner],
    A: [inner, state],
    B: [batch, time, state],
    C: [batch, time, state],
  };
  const of = (name: keyof typeof shapes) => ({ data: arrays[name], shape: shapes[name] });
  const inputs = { u: of("u"), delta: of("delta"), A: of("A"), B: of("B"), C: of("C") };
  const { y, finalState } = await runArrays(selectiveScan, inputs, { deltaSoftplus: true });
  expect(y.shape).toEqual([batch, time, inner]);
  expect(finalState.shape).toEqual([batch, inner, state]);
  const expected = await host.run(selectiveScanOp, sizes, arrays, { deltaSoftplus: true });
  expectClose(y.data, expected.y, { relative: 1e-5, label: "y" });
  expectClose(finalState.data, expected.finalState, { relative: 1e-5, label: "finalState" });
});

test("takes a single array, and arrays among the options", async () => {
  const x = { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] };
  const initialState = { data: Float32Array.of(10, 20), shape: [2] };
  const { data, shape } = await runArrays(scanSum, x, { reverse: true, initialState });
  expect(shape).toEqual([2, 3]);
  expect(data).toEqual(Float32Array.of(16, 15, 13, 35, 31, 26));
});

test("refuses what the op refuses, by the same words", async () => {
  const a = { data: new Float32Array(6), shape: [2, 3] };
  const b = { data: new Float32Array(4), shape: [2, 2] };
  await expect(runArrays(linearScan, { a, b })).rejects.toThrow(
    new TypeError('Cannot run "linear-scan": dimension 1 is 3 in a but 2 in b'),
  );
  await expect(runArrays(linearScan, { a, b: { ...a, shape: [2, 4] } })).rejects.toThrow(TypeError);
});
