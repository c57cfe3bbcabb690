import {
  backends,
  expectGolden,
  expectMatchesReference,
  goldenCases,
  randomInputs,
  scanSizes,
  testSelectiveScanLaws,
  type Forms,
} from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { selectiveScan, selectiveScanOp as op } from "./selective-scan.ts";

const ranges = { delta: [-4, 1], A: [-4, -0.1], mask: [0, 1], seqIdx: [0, 1] } as const;
const positive = { ...ranges, delta: [0.001, 0.1] } as const;
const small = scanSizes({ batch: 2, time: 23, inner: 5, state: 4 });
const optional = ["D", "z", "deltaBias", "initialState", "mask", "seqIdx"];
const attributes = { deltaSoftplus: true };

const shapes = [
  { batch: 1, time: 1, inner: 1, state: 1 },
  { batch: 2, time: 63, inner: 5, state: 16 }, // no size is a multiple of a workgroup or a vector
  { batch: 1, time: 257, inner: 63, state: 4 },
  { batch: 3, time: 1, inner: 257, state: 16 }, // one token: decoding
  { batch: 1, time: 33, inner: 7, state: 3 },
  { batch: 1, time: 9, inner: 66, state: 128 },
  { batch: 1, time: 5, inner: 3, state: 256 },
].map((sizes) => scanSizes(sizes));

const forms: readonly Forms[] = [
  { B: { groups: 2 }, C: { groups: 2 } },
  { B: { groups: 2 }, C: { groups: 3 } },
  { B: { groups: 2 }, C: "variable" },
  { B: "constant", C: "variable" },
  { B: "variable", C: "constant" },
  { B: "constant", C: "constant" },
  { B: { groups: 24 }, C: "constant" },
];

describe.each(backends())("selectiveScan on $name", ({ run, device }) => {
  test.each(
    [...goldenCases("selective_scan"), ...goldenCases("selective_state_update")].filter(
      ({ attrs }) => attrs.complex_A !== true,
    ),
  )("matches $reference: $id", async (golden) => expectGolden(await device(), golden));

  describe.each(shapes)("at B$batch T$time E$inner N$state", (sizes) => {
    test("matches the reference with everything", () =>
      expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, { seed: 1, ranges }),
        attributes,
      }));

    test("matches the reference with nothing optional", () =>
      expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, {
          seed: 2,
          ranges: positive,
          without: optional,
        }),
      }));
  });

  test.each(optional)("matches the reference without %s", (left) =>
    expectMatchesReference(run, {
      op,
      sizes: small,
      inputs: randomInputs(op, small, { seed: 3, ranges, without: [left] }),
      attributes,
    }),
  );

  test("stays exact where steps are large and where they are tiny", async () => {
    for (const delta of [
      [15, 60],
      [-30, -12],
    ] as const) {
      const inputs = randomInputs(op, small, { seed: 4, ranges: { ...ranges, delta }, without: ["mask"] });
      await expectMatchesReference(run, { op, sizes: small, inputs, attributes });
    }
  });

  test.each(forms)("matches the reference with B $B and C $C", async ({ B, C }) => {
    for (const dims of [
      { batch: 2, time: 19, inner: 24, state: 5 },
      { batch: 1, time: 37, inner: 72, state: 16 },
      { batch: 3, time: 1, inner: 24, state: 3 },
    ]) {
      const sizes = scanSizes(dims, { B, C });
      await expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, { seed: 5, ranges }),
        attributes,
      });
    }
  });

  describe.each([{}, { B: { groups: 2 }, C: "constant" }, { B: "constant", C: "variable" }] as const)(
    "with forms %j",
    (forms) => testSelectiveScanLaws(op, forms, run),
  );
});

test("names the dimension and both inputs that disagree", () => {
  const device = new Device(new HostBackend());
  const zeros = (...shape: number[]) => device.zeros(shape);
  const inputs = { u: zeros(1, 5, 3), delta: zeros(1, 5, 3), A: zeros(3, 2), B: zeros(1, 5, 2), C: zeros(1, 5, 2) };
  expect(() => selectiveScan({ ...inputs, delta: zeros(1, 4, 3) })).toThrow(
    new TypeError('Cannot run "selective-scan": "time" is 5 in u but 4 in delta'),
  );
  expect(() => selectiveScan({ ...inputs, A: zeros(2, 2) })).toThrow(
    new TypeError('Cannot run "selective-scan": "inner" is 3 in u but 2 in A'),
  );
  expect(() => selectiveScan({ ...inputs, C: zeros(1, 5, 4) })).toThrow(
    new TypeError('Cannot run "selective-scan": "state" is 2 in A but 4 in C'),
  );
  expect(() => selectiveScan({ ...inputs, initialState: zeros(1, 3) })).toThrow(
    new TypeError('Cannot run "selective-scan": initialState has shape [1, 3] but "batch inner state" was needed'),
  );
});

test("names what is wrong with B and C", () => {
  const device = new Device(new HostBackend());
  const zeros = (...shape: number[]) => device.zeros(shape);
  const inputs = { u: zeros(2, 5, 6), delta: zeros(2, 5, 6), A: zeros(6, 2), B: zeros(2, 5, 2), C: zeros(2, 5, 2) };
  expect(() => selectiveScan({ ...inputs, B: zeros(2, 5, 4, 2) })).toThrow(
    new RangeError('Cannot run "selective-scan": "inner" is 6 but a multiple of the "groups" of B, 4, was needed'),
  );
  expect(() => selectiveScan({ ...inputs, C: zeros(3, 2) })).toThrow(
    new TypeError('Cannot run "selective-scan": "inner" is 6 in A but 3 in C'),
  );
  expect(() => selectiveScan({ ...inputs, C: zeros(2, 4, 2) })).toThrow(
    new TypeError('Cannot run "selective-scan": "time" is 5 in u but 4 in C'),
  );
  expect(() => selectiveScan({ ...inputs, B: zeros(1, 5, 3, 2) })).toThrow(
    new TypeError('Cannot run "selective-scan": "batch" is 2 in u but 1 in B'),
  );
  expect(() => selectiveScan({ ...inputs, B: zeros(2) })).toThrow(
    new TypeError(
      'Cannot run "selective-scan": B has shape [2] but "inner state", "batch time state" or "batch time groups state" was needed',
    ),
  );
});
