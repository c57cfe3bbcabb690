import { scanSizes } from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { kernels } from "./webgpu.ts";

/** Sizes of Mamba-130m and models like it, by the names of all ops. */
const sizes = {
  ...scanSizes({ batch: 1, time: 4096, inner: 1536, state: 16 }),
  ...{ heads: 24, headDim: 64, groups: 1, rank: 1, pairs: 8 },
  ...{ outer: 1, part: 1, width: 4, window: 3, taps: 4096, complex: 2, parts: 2 },
  ...{ hidden: 256, gates: 768 },
};
const each = kernels.map((kernel) => ({ name: kernel.op.name, algorithm: kernel.algorithm ?? "only", kernel }));

/** Numbers moved for each of the largest input or output. */
function perElement(name: string, algorithm: string, dims: Record<string, number>, without: readonly string[] = []) {
  const { op, traffic } = each.find((one) => one.name === name && one.algorithm === algorithm)!.kernel;
  const given = new Set(op.inputs.map((input) => input.name).filter((input) => !without.includes(input)));
  const { moved, least } = traffic(dims, { given });
  return [moved, least].map((bytes) => Math.round((10 * bytes) / 4 / (4096 * 1536)) / 10);
}

describe.each(each)("traffic of $name, $algorithm", ({ kernel }) => {
  const names = kernel.op.inputs.filter(({ optional }) => optional).map(({ name }) => name);
  test.each([{ given: names }, { given: [] }])("is no less than the least possible with $given", ({ given }) => {
    for (const dims of [sizes, { ...sizes, time: 17, timeB: 17, timeC: 17, taps: 17, batch: 3, outer: 3 }]) {
      const { moved, least } = kernel.traffic(dims, { given: new Set(given) });
      expect(moved).toBeGreaterThanOrEqual(least);
      expect(least).toBeGreaterThan(0);
    }
  });
});

const masks = ["mask", "seqIdx"];
const ssdSizes = { ...sizes, state: 128 };
const mamba3Sizes = { ...sizes, state: 128, pairs: 32 };
test.each([
  ["causal-conv1d", "only", sizes, masks, [2.1, 2]],
  ["causal-conv1d.backward", "only", sizes, masks, [5.5, 3]],
  ["ssd", "only", ssdSizes, [...masks, "channelD", "logDecay"], [6.3, 3.2]],
  ["ssd", "chunked", ssdSizes, [...masks, "channelD", "logDecay"], [23.4, 3.2]],
  ["ssd.backward", "only", ssdSizes, [...masks, "channelD", "logDecay"], [61.9, 5.5]],
  ["mamba3", "only", mamba3Sizes, masks, [14.9, 3.8]],
  ["mamba3.backward", "only", mamba3Sizes, masks, [80.1, 6.5]],
  ["scan-sum", "serial", sizes, [], [2, 2]],
  ["scan-sum", "reduce-then-scan", sizes, [], [3, 2]],
  ["scan-sum", "look-back", sizes, [], [2, 2]],
  ["linear-scan", "reduce-then-scan", sizes, [], [5, 3]],
  ["linear-scan.backward", "reduce-then-scan", sizes, [], [7, 5]],
  ["lti-scan", "only", { ...sizes, state: 32 }, [], [19.3, 2.1]],
  ["lti-scan.backward", "only", { ...sizes, state: 32 }, [], [68.4, 3.1]],
  ["fft-conv", "only", sizes, [], [73, 3]],
  ["fft-conv.backward", "only", sizes, [], [122, 5]],
  ["s4d-kernel", "only", { ...sizes, state: 32 }, [], [1.3, 1]],
  ["s4d-kernel.backward", "only", { ...sizes, state: 32 }, [], [9.4, 1.1]],
] as const)("%s, %s, moves as much as its comment says", (name, algorithm, dims, without, expected) => {
  expect(perElement(name, algorithm, dims, without)).toEqual(expected);
});
