import {
  backends,
  expectGolden,
  expectGoldenGradients,
  expectMatchesReference,
  expectNaNsOfReference,
  expectSameBitsOnThreads,
  goldenCases,
  randomInputs,
  scanSizes,
  testSelectiveScanLaws,
  type Forms,
} from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { complexSelectiveScanBackward } from "./complex-selective-scan.backward.ts";
import { complexSelectiveScan, complexSelectiveScanOp } from "./complex-selective-scan.ts";

const ranges = { delta: [-4, 1], A: [-4, -0.1], mask: [0, 1], seqIdx: [0, 1] } as const;
const attributes = { deltaSoftplus: true };
const small = scanSizes({ batch: 2, time: 39, inner: 5, state: 3 });
const optional = ["D", "z", "deltaBias", "initialState", "mask", "seqIdx", "dfinalState"];

const shapes = [
  { batch: 1, time: 1, inner: 1, state: 1 },
  { batch: 2, time: 63, inner: 5, state: 16 },
  { batch: 1, time: 257, inner: 63, state: 1 },
  { batch: 3, time: 1, inner: 257, state: 4 },
  { batch: 1, time: 33, inner: 7, state: 63 },
].map((sizes) => scanSizes(sizes));

const forms: readonly Forms[] = [
  { B: { groups: 2 }, C: { groups: 3 } },
  { B: { groups: 2 }, C: "variable" },
  { B: "constant", C: "variable" },
  { B: "variable", C: "constant" },
  { B: "constant", C: "constant" },
];

describe.each(backends())("complexSelectiveScan on $name", ({ run, device }) => {
  const golden = goldenCases("selective_scan").filter(({ attrs }) => attrs.complex_A === true);

  test.each(golden)("matches $reference: $id", async (kernelCase) => expectGolden(await device(), kernelCase));

  test.each(golden)("has the gradients of $reference: $id", async (kernelCase) =>
    expectGoldenGradients(await device(), kernelCase),
  );

  describe.each([
    { name: "forward", op: complexSelectiveScanOp },
    { name: "backward", op: complexSelectiveScanBackward },
  ])("$name", ({ op }) => {
    const without = optional.filter((name) => op.inputs.some((port) => port.name === name));

    test.each(shapes)("matches the reference at B$batch T$time E$inner N$state", async (sizes) => {
      const inputs = randomInputs(op, sizes, { seed: 1, ranges });
      await expectMatchesReference(run, { op, sizes, inputs, attributes });
    });

    test.each(forms)("matches the reference with B $B and C $C", async ({ B, C }) => {
      const sizes = scanSizes({ batch: 2, time: 37, inner: 72, state: 5 }, { B, C });
      await expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, { seed: 2, ranges }),
        attributes,
      });
    });

    test.each(without)("matches the reference without %s", (left) => {
      const inputs = randomInputs(op, small, { seed: 3, ranges, without: [left] });
      return expectMatchesReference(run, { op, sizes: small, inputs, attributes });
    });

    test("stays exact where an angle is many turns", async () => {
      // as far as the rounding of a step's size, which the angle multiplies, allows
      const inputs = randomInputs(op, small, {
        seed: 4,
        ranges: { ...ranges, delta: [0.1, 4] },
        without: ["deltaBias"],
      });
      const A = inputs.A.map((value, i) => (i % 2 === 0 ? value / 10 : 5 * value));
      await expectMatchesReference(run, { op, sizes: small, inputs: { ...inputs, A } });
    });

    test("has NaN where the reference has it", () =>
      expectNaNsOfReference(run, {
        op,
        sizes: small,
        inputs: randomInputs(op, small, { seed: 7, ranges }),
        attributes,
      }));
  });

  describe.each([{}, { B: { groups: 2 }, C: "constant" }] as const)("with forms %j", (given) =>
    testSelectiveScanLaws(complexSelectiveScanOp, given, run),
  );
});

test("the gradient of complexSelectiveScan has the same bits on any number of threads", () => {
  const op = complexSelectiveScanBackward;
  const sizes = scanSizes({ batch: 3, time: 65, inner: 65, state: 8 });
  return expectSameBitsOnThreads({ op, sizes, inputs: randomInputs(op, sizes, { seed: 8, ranges }), attributes });
});

test("names what is wrong", () => {
  const device = new Device(new HostBackend());
  const zeros = (...shape: number[]) => device.zeros(shape);
  const [B, C] = [zeros(2, 5, 2, 2), zeros(2, 5, 2, 2)];
  const inputs = { u: zeros(2, 5, 6), delta: zeros(2, 5, 6), A: zeros(6, 2, 2), B, C };
  expect(() => complexSelectiveScan({ ...inputs, A: zeros(6, 2) })).toThrow(
    new TypeError('Cannot run "complex-selective-scan": A has shape [6, 2] but "inner state complex" was needed'),
  );
  expect(() => complexSelectiveScan({ ...inputs, A: zeros(6, 2, 3) })).toThrow(
    'Cannot run "complex-selective-scan": "complex" is 3 in A but 2 in B',
  );
  expect(() => complexSelectiveScan({ ...inputs, B: zeros(2, 5, 4, 2, 2) })).toThrow(
    new RangeError(
      'Cannot run "complex-selective-scan": "inner" is 6 but a multiple of the "groups" of B, 4, was needed',
    ),
  );
});
