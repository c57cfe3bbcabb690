import {
  backends,
  expectGradients,
  expectMatchesReference,
  expectNaNsOfReference,
  expectSameBitsOnThreads,
  randomInputs,
} from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { causalConv1d } from "./causal-conv1d.ts";
import { causalConv1dBackward as op } from "./causal-conv1d.backward.ts";

const ranges = { mask: [0, 1], seqIdx: [0, 2] } as const;
const optional = ["bias", "initialState", "mask", "seqIdx", "dy", "dfinalState"];
const small = { batch: 2, time: 23, inner: 5, width: 4 };
const large = { batch: 2, time: 129, inner: 257, width: 4 };
const shapes = [
  { batch: 1, time: 1, inner: 1, width: 1 },
  { batch: 2, time: 63, inner: 5, width: 4 },
  { batch: 1, time: 257, inner: 63, width: 3 },
  { batch: 3, time: 2, inner: 257, width: 8 }, // fewer steps than taps
  large,
];

describe.each(backends())("gradient of causalConv1d on $name", ({ run }) => {
  describe.each(shapes)("at B$batch T$time E$inner W$width", (sizes) => {
    test.each(["none", "silu"])("matches the reference with everything, activation %s", (activation) =>
      expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, { seed: 1, ranges }),
        attributes: { activation },
      }),
    );

    test("matches the reference with nothing optional but dy", () =>
      expectMatchesReference(run, {
        op,
        sizes,
        inputs: randomInputs(op, sizes, { seed: 2, without: optional.filter((name) => name !== "dy") }),
      }));
  });

  test.each(optional)("matches the reference without %s", (left) =>
    expectMatchesReference(run, {
      op,
      sizes: small,
      inputs: randomInputs(op, small, { seed: 3, ranges, without: [left] }),
      attributes: { activation: "silu" },
    }),
  );

  test("matches the reference with sequences longer than a chunk of steps, and padding between them", () => {
    const sizes = { batch: 2, time: 130, inner: 5, width: 4 };
    const inputs = randomInputs(op, sizes, { seed: 8, ranges });
    const seqIdx = inputs.seqIdx.map((_, row) => Math.floor((row % 130) / 43));
    return expectMatchesReference(run, { op, sizes, inputs: { ...inputs, seqIdx } });
  });

  test("with no steps hands the gradient of the state on as it is", async () => {
    const sizes = { ...small, time: 0 };
    const inputs = randomInputs(op, sizes, { seed: 4 });
    const { dinitialState, dweight } = await run(op, sizes, inputs);
    expect(dinitialState).toEqual(inputs.dfinalState);
    expect(dweight).toEqual(new Float32Array(dweight.length));
  });

  test("has NaN where the reference has it", () =>
    expectNaNsOfReference(run, {
      op,
      sizes: small,
      inputs: randomInputs(op, small, { seed: 5, ranges }),
      attributes: { activation: "silu" },
    }));

  test("has the same bits twice", async () => {
    const inputs = randomInputs(op, small, { seed: 7, ranges });
    expect(await run(op, small, inputs)).toEqual(await run(op, small, inputs));
  });
});

test.each([{}, { without: ["mask", "seqIdx"] }, { without: ["initialState", "bias"] }])(
  "gradients of causalConv1d agree with finite differences, %o",
  (options) => {
    const sizes = { batch: 2, time: 7, inner: 2, width: 3 };
    const inputs = randomInputs(causalConv1d, sizes, { seed: 9, ranges, ...options });
    return expectGradients({ op: causalConv1d, sizes, inputs, attributes: { activation: "silu" } });
  },
);

test("the gradient of causalConv1d has the same bits on any number of threads", () =>
  expectSameBitsOnThreads({
    op,
    sizes: large,
    inputs: randomInputs(op, large, { seed: 6, ranges }),
    attributes: { activation: "silu" },
  }));
