import type { AnyOp, Attributes } from "@elapid/tensor";
import {
  backends,
  expectIndependent,
  expectMatchesReference,
  expectNaNsOfReference,
  expectSameBitsOnThreads,
  randomInputs,
  someOf,
  tries,
} from "@elapid/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normOp } from "../norm/norm.ts";
import { adamwOp } from "./adamw.ts";
import { emaOp } from "./ema.ts";
import { lionOp } from "./lion.ts";
import { sgdOp } from "./sgd.ts";

const shared = { lr: 0.1, weightDecay: 0.5, gradientScale: 0.25 };
const steps: readonly { readonly title: string; readonly op: AnyOp; readonly attributes: Attributes }[] = [
  { title: "adamw", op: adamwOp, attributes: { ...shared, step: 3 } },
  { title: "adamw without momentum", op: adamwOp, attributes: { ...shared, beta1: 0, beta2: 0 } },
  { title: "sgd", op: sgdOp, attributes: shared },
  { title: "sgd after Nesterov", op: sgdOp, attributes: { ...shared, nesterov: true } },
  { title: "lion", op: lionOp, attributes: shared },
  { title: "ema", op: emaOp, attributes: { decay: 0.99 } },
];
const all = [...steps, { title: "norm", op: normOp as AnyOp, attributes: {} }];
const inputsOf = (op: AnyOp, rows: number) => randomInputs(op, { rows }, { seed: 1, ranges: { v: [0, 1] } });

describe.each(backends())("training on $name", ({ run }) => {
  describe.each(all)("$title", ({ op, attributes }) => {
    test.each([1, 63, 257, 40_001])("matches the reference at %i elements", (rows) =>
      expectMatchesReference(run, { op, sizes: { rows }, inputs: inputsOf(op, rows), attributes }),
    );

    test("has NaN where the reference has it", () =>
      expectNaNsOfReference(run, { op, sizes: { rows: 63 }, inputs: inputsOf(op, 63), attributes }));
  });

  test.each(steps)("$title has the same bits whatever is computed beside it", ({ op, attributes }) => {
    const sizes = { rows: 9 };
    const inputs = inputsOf(op, 9);
    return fc.assert(
      fc.asyncProperty(someOf(9), (chosen) =>
        expectIndependent(run, { op, sizes, inputs, attributes }, "rows", chosen),
      ),
      tries,
    );
  });

  test("an average of what does not change stays, to the last bit", async () => {
    const { parameter } = inputsOf(emaOp, 63);
    const { newAverage } = await run(emaOp, { rows: 63 }, { average: parameter, parameter }, { decay: 0.9999 });
    expect(newAverage).toEqual(parameter);
  });

  test("the norm of nothing is 0, and squares do not overflow", async () => {
    expect((await run(normOp, { rows: 0 }, { x: new Float32Array() })).y).toEqual(Float32Array.of(0));
    const { y } = await run(normOp, { rows: 2 }, { x: Float32Array.of(3e30, 4e30) });
    expect(y[0] / 5e30).toBeCloseTo(1, 6);
  });
});

test.each(all)("$title gives the same bits on any number of threads", ({ op, attributes }) =>
  expectSameBitsOnThreads({ op, sizes: { rows: 40_001 }, inputs: inputsOf(op, 40_001), attributes }),
);
