import { existsSync } from "node:fs";
import { difference, expectClose, host, randomInputs, type Call } from "@elapid/testing";
import { runArrays } from "@elapid/testing/portable";
import { Device, HostBackend, sum, UnsupportedError, valueAndGrad, type AnyOp, type Attributes } from "@elapid/tensor";
import { openWasm } from "@elapid/wasm";
import { openWebGpu, type Kernel } from "@elapid/webgpu";
import { afterAll, describe, expect, test } from "vitest";
import { linearScanBackward } from "../linear-scan/linear-scan.backward.ts";
import { linearScan } from "../linear-scan/linear-scan.ts";
import { linearScanKernels } from "../linear-scan/linear-scan.wgsl.ts";
import { scanKernels } from "./associative-scan.wgsl.ts";
import { defineScan, type Scan } from "./define-scan.ts";
import type { Element, ScanOperator } from "./operator.ts";
import { scanAlgorithm, type ScanAlgorithm } from "./scan-algorithm.ts";
import { scanMaxBackwardKernels } from "./scan-max.backward.wgsl.ts";
import { scanMax } from "./scan-max.ts";
import { scanProduct } from "./scan-product.ts";
import { scanSum } from "./scan-sum.ts";

/** One number, with a gradient: the logarithm of a sum of exponentials. */
const logSumExp: ScanOperator = {
  name: "log-sum-exp",
  identity: [-1e30],
  combine: ([a], [b]) => [Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)))],
  pull: ([a], [b], [grad]) => ({ first: [grad / (1 + Math.exp(b - a))], second: [grad / (1 + Math.exp(a - b))] }),
  wgsl: `
    fn combine(first: Element, second: Element) -> Element {
      return max(first, second) + log(1.0 + exp(-abs(first - second)));
    }
    fn pull(first: Element, second: Element, grad: Element) -> Pulled {
      return Pulled(grad / (1.0 + exp(second - first)), grad / (1.0 + exp(first - second)));
    }`,
};

/** Two numbers, and it matters which comes first: x to a·x + b. */
const affine: ScanOperator = {
  name: "affine",
  identity: [1, 0],
  combine: ([a, b], [c, d]) => [c * a, c * b + d],
  pull: ([a, b], [c], [p, q]) => ({ first: [p * c, q * c], second: [p * a + q * b, q] }),
  wgsl: `
    fn combine(first: Element, second: Element) -> Element {
      return vec2f(second.x * first.x, second.x * first.y + second.y);
    }
    fn pull(first: Element, second: Element, grad: Element) -> Pulled {
      return Pulled(grad * second.x, vec2f(dot(grad, first), grad.y));
    }`,
};

/** Three numbers, without a gradient: turns about the origin by an angle (cosine and sine), and a count. */
const turns: ScanOperator = {
  name: "turns",
  identity: [1, 0, 0],
  combine: ([a, b, n], [c, d, m]) => [a * c - b * d, a * d + b * c, n + m],
  wgsl: `
    fn combine(first: Element, second: Element) -> Element {
      return vec3f(
        first.x * second.x - first.y * second.y, first.x * second.y + first.y * second.x, first.z + second.z);
    }`,
};

/** Four numbers: products of 2 x 2 matrices, by columns. */
const matrices: ScanOperator = {
  name: "matrices",
  identity: [1, 0, 0, 1],
  combine: ([a, b, c, d], [e, f, g, h]) => [a * e + c * f, b * e + d * f, a * g + c * h, b * g + d * h],
  pull: ([a, b, c, d], [e, f, g, h], [p, q, r, s]) => ({
    first: [p * e + r * g, q * e + s * g, p * f + r * h, q * f + s * h],
    second: [a * p + b * q, c * p + d * q, a * r + b * s, c * r + d * s],
  }),
  wgsl: `
    fn toMatrix(e: Element) -> mat2x2f { return mat2x2f(e.xy, e.zw); }
    fn toElement(m: mat2x2f) -> Element { return vec4f(m[0], m[1]); }
    fn combine(first: Element, second: Element) -> Element {
      return toElement(toMatrix(first) * toMatrix(second));
    }
    fn pull(first: Element, second: Element, grad: Element) -> Pulled {
      return Pulled(
        toElement(toMatrix(grad) * transpose(toMatrix(second))), toElement(transpose(toMatrix(first)) * toMatrix(grad)));
    }`,
};

const own = [logSumExp, affine, turns, matrices].map((operator) => ({
  name: operator.name,
  scan: defineScan(operator),
}));
const matrixBackward = own.at(-1)!.scan.backward as AnyOp;
const algorithms: readonly ScanAlgorithm[] = ["serial", "reduce-then-scan", "look-back"];

const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
if (existsSync(driver)) process.env.VK_ICD_FILENAMES ??= driver;
const opened: Device[] = [];
afterAll(() => opened.forEach((device) => device.dispose()));

async function openGpu(kernels: readonly Kernel[]): Promise<Device> {
  const device = new Device(await openWebGpu({ kernels, allowSoftware: true }), { strict: true });
  opened.push(device);
  return device;
}

function kernelsBy(algorithm: ScanAlgorithm): Kernel[] {
  const scans = [scanSum, scanMax, scanProduct, ...own.map(({ scan }) => scan)];
  return [
    ...scans.flatMap((scan) => scanKernels(scan, { algorithm })),
    ...scanMaxBackwardKernels({ algorithm }),
    ...linearScanKernels({ algorithm }),
  ];
}

/** Numbers whose combinations stay near 1: angles for turns, matrices near the identity. */
function inputsOf(op: AnyOp, sizes: Call["sizes"], scan: Scan | undefined, seed: number): Record<string, Float32Array> {
  const identity: Element = scan === undefined ? [0] : scan.operator.identity.map((value) => Math.max(value, -1));
  const part = identity.length;
  const inputs = randomInputs(op, { ...sizes, part }, { seed, ranges: { a: [-1, 1] } });
  const near = (values: Float32Array) => values.map((value, i) => identity[i % part] + 0.03 * value);
  if (inputs.x !== undefined) inputs.x = near(inputs.x);
  if (inputs.initialState !== undefined && scan !== undefined) inputs.initialState = near(inputs.initialState);
  return inputs;
}

describe("the algorithms", async () => {
  const devices = await Promise.all(algorithms.map((algorithm) => openGpu(kernelsBy(algorithm))));
  const forward = [scanSum, scanMax, scanProduct, ...own.map(({ scan }) => scan)].map((scan) => ({
    name: scan.op.name,
    op: scan.op as AnyOp,
    scan: scan as Scan | undefined,
  }));
  const backward = forward.flatMap(({ scan }) =>
    scan?.backward === undefined ? [] : [{ name: scan.backward.name, op: scan.backward as AnyOp, scan }],
  );
  const linear = [linearScan.op, linearScanBackward].map((op) => ({ name: op.name, op: op as AnyOp, scan: undefined }));

  // the same sizes for all, so that pipelines are few
  test.each([...forward, ...backward, ...linear])(
    "give the same bits of $name, those of the reference within rounding",
    { timeout: 120_000 },
    async ({ op, scan }) => {
      for (const sizes of [
        { outer: 2, time: 5 * 512 + 77, inner: 1 },
        { outer: 1, time: 1025, inner: 11 },
      ]) {
        const part = scan?.operator.identity.length ?? 1;
        const inputs = inputsOf(op, sizes, scan, 3);
        const expected = await host.run(op, { ...sizes, part }, inputs);
        // 4 x 4 matrices take a software device long to compile
        const some = op === matrixBackward ? devices.slice(0, 1) : devices;
        const results = await Promise.all(some.map((device) => runArrays(device, op, { ...sizes, part }, inputs)));
        for (const name in expected) {
          expectClose(results[0][name], expected[name], { relative: 2e-5, label: `${op.name} ${name}` });
        }
        for (const result of results.slice(1)) expect(result).toEqual(results[0]);
        expect(await runArrays(some.at(-1)!, op, { ...sizes, part }, inputs)).toEqual(results[0]);
      }
    },
  );

  test("scan 2^20 steps of one row", { timeout: 120_000 }, async () => {
    const sizes = { outer: 1, time: 2 ** 20, inner: 1, part: 1 };
    const { x } = randomInputs(scanSum.op, sizes, { seed: 4 });
    const expected = await host.run(scanSum.op, sizes, { x });
    const results = await Promise.all(devices.map((device) => runArrays(device, scanSum.op, sizes, { x })));
    expectClose(results[0].y, expected.y, { relative: 1e-5, label: "y" });
    for (const result of results.slice(1)) expect(result).toEqual(results[0]);
  });
});

test.each([
  [{ outer: 1, time: 512, inner: 1 }, [], "serial"],
  [{ outer: 1, time: 513, inner: 1 }, [], "reduce-then-scan"],
  [{ outer: 1, time: 2 ** 20, inner: 1 }, ["shader-f16", "subgroups"], "reduce-then-scan"],
  [{ outer: 1, time: 513, inner: 1 }, ["forward-progress"], "look-back"],
  [{ outer: 1, time: 512, inner: 1 }, ["forward-progress"], "serial"],
  [{ outer: 1, time: 2 ** 20, inner: 2048 }, ["forward-progress"], "serial"],
  [{ outer: 4096, time: 4096, inner: 1 }, [], "serial"],
  [{ outer: 0, time: 0, inner: 0 }, ["forward-progress"], "serial"],
] as const)("of %o with %o it is %s", (sizes, features, expected) => {
  expect(scanAlgorithm(sizes, new Set(features))).toBe(expected);
});

describe.each(own)("the scan $name, of one's own", ({ scan }) => {
  const { operator, op, backward } = scan;
  const part = operator.identity.length;
  const sizes = { outer: 2, time: 9, inner: 2 };

  test("is associative, and its identity changes nothing", () => {
    const inputs = inputsOf(op, { ...sizes, time: 3 }, scan, 5).x;
    const [a, b, c] = [0, 1, 2].map((i) => [...inputs.subarray(i * part, (i + 1) * part)]);
    const { combine, identity } = operator;
    const left = Float64Array.from(combine(combine(a, b), c));
    expectClose(left, Float64Array.from(combine(a, combine(b, c))), { relative: 1e-12, label: "combine" });
    expect(combine(identity, a)).toEqual(a);
    expect(combine(a, identity)).toEqual(a);
  });

  test("exclusive is the inclusive one, a step later, on any axis", async () => {
    using device = new Device(new HostBackend());
    const shape = [2, 9, 2, ...(part > 1 ? [part] : [])];
    const x = device.tensor(inputsOf(op, sizes, scan, 6).x, shape);
    const options = { axis: "time", dims: "batch time inner" };
    const inclusive = await scan(x, options).slice(1, 0, 8).data();
    const exclusive = await scan(x, { ...options, exclusive: true })
      .slice(1, 1, 9)
      .data();
    expect(exclusive).toEqual(inclusive);
  });

  if (backward !== undefined) {
    test("has the gradient of differences", async () => {
      const { expectGradients } = await import("@elapid/testing");
      const inputs = inputsOf(op, sizes, scan, 7);
      for (const attributes of [{}, { exclusive: true }, { reverse: true }] as Attributes[]) {
        await expectGradients({ op, sizes: { ...sizes, part }, inputs, attributes });
      }
      await expectGradients({ op, sizes: { ...sizes, part }, inputs: { x: inputs.x } });
    });
  }
});

test("an operator without a gradient cannot be differentiated", () => {
  using device = new Device(new HostBackend());
  const x = device.zeros([4, 3]);
  const scan = defineScan(turns);
  expect(() => valueAndGrad(() => sum(scan(x)), { x })).toThrow(
    new TypeError('Cannot differentiate through "scan-turns": it has no gradient'),
  );
});

test("an operator without WGSL runs its host function, on every device, which says so once", async () => {
  const { name, identity, combine } = logSumExp;
  const scan = defineScan({ name, identity, combine });
  expect(() => scanKernels(scan)).toThrow(
    new TypeError('Cannot make kernels of "scan-log-sum-exp": its operator has no "wgsl"'),
  );
  const backends = [openWasm({ kernels: [], threads: 1 }), openWebGpu({ kernels: [], allowSoftware: true })];
  for (const backend of await Promise.all(backends)) {
    const notices: string[] = [];
    using device = new Device(backend, { onNotice: (message) => notices.push(message) });
    for (let i = 0; i < 2; i++) {
      const y = await scan(device.tensor([0, 0, 0])).data();
      expect(difference(y, Float32Array.of(0, Math.log(2), Math.log(3)), { relative: 1e-6 }).error).toBeLessThan(1e-6);
    }
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(/scan-log-sum-exp/);
  }
});

test("a strict device refuses an operator that it has no kernel for", async () => {
  using device = new Device(await openWasm({ kernels: [], threads: 1 }), { strict: true });
  expect(() => defineScan(affine)(device.zeros([3, 2]))).toThrow(UnsupportedError);
});

test("names what is wrong with an operator or its elements", () => {
  expect(() => defineScan({ ...affine, identity: [] })).toThrow(
    new RangeError('Cannot define the scan "affine": its identity has 0 numbers but 1 to 4 were needed'),
  );
  expect(() => defineScan({ ...affine, combine: () => [1] })).toThrow(
    new TypeError('Cannot define the scan "affine": combine gives 1 numbers but 2 were needed, as in its identity'),
  );
  expect(() => defineScan({ ...affine, pull: () => ({ first: [1, 2], second: [1] }) })).toThrow(
    new TypeError(
      'Cannot define the scan "affine": pull\'s second gives 1 numbers but 2 were needed, as in its identity',
    ),
  );
  using device = new Device(new HostBackend());
  expect(() => defineScan(affine)(device.zeros([5, 3]))).toThrow(
    new TypeError('Cannot run "scan-affine": an element of x has 3 numbers but 2 were needed'),
  );
});
