import { backends, cutOf, expectClose, expectGolden, expectGoldenGradients, goldenCases, tries } from "@elapid/testing";
import { Device, HostBackend, randomSource, sum, valueAndGrad } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seeded } from "./init.ts";
import { S4D, type S4DConfig } from "./s4d.ts";

const config = { dModel: 5, dState: 8 };
const time = 21;
const spreads = ["legs", "lin", "inv", "inv2", "quad", "real"] as const;
const starts: readonly { readonly name: string; readonly start: Partial<S4DConfig> }[] = [
  ...spreads.map((spread) => ({ name: spread, start: { spread } })),
  { name: "real, with real states", start: { real: true } },
];

const values = (() => {
  const random = randomSource(4);
  return Float32Array.from({ length: 2 * time * config.dModel }, () => 2 * random.next() - 1);
})();

describe.each(backends())("S4D on $name", ({ device: open }) => {
  test.each(goldenCases("s4d_layer"))("matches $reference: $id", async (golden) => expectGolden(await open(), golden));
  test.each(goldenCases("s4d_layer"))("has the gradients of $reference: $id", async (golden) =>
    expectGoldenGradients(await open(), golden),
  );

  test.each(starts)("started as $name is one layer, as a convolution and as a recurrence", async ({ name, start }) => {
    const device = await open();
    using _ = device.scope();
    const layer = new S4D({ ...config, ...start }, seeded(device, 5));
    const x = device.tensor(values, [2, time, config.dModel]);
    const [convolved, stepped] = [layer.forward(x), layer.recur({ x }).y];
    expectClose(await stepped.data(), await convolved.data(), { relative: 2e-5, label: name });
  });

  test("cut anywhere, its state handed on, gives what the whole sequence gives", () =>
    fc.assert(
      fc.asyncProperty(cutOf(time), async (cut) => {
        const device = await open();
        using _ = device.scope();
        const layer = new S4D(config, seeded(device, 6));
        const x = device.tensor(values, [2, time, config.dModel]);
        const whole = layer.forward(x);
        const head = layer.recur({ x: x.slice(1, 0, cut) });
        const tail = layer.recur({ x: x.slice(1, cut, time), state: head.state });
        const close = { relative: 2e-5, label: `cut at ${cut}` };
        expectClose(await head.y.data(), await whole.slice(1, 0, cut).data(), close);
        expectClose(await tail.y.data(), await whole.slice(1, cut, time).data(), close);
      }),
      tries,
    ));

  test.each([{}, { real: true }])("has the same gradients as a convolution and as a recurrence, %j", async (start) => {
    const device = await open();
    using _ = device.scope();
    const layer = new S4D({ ...config, ...start }, seeded(device, 7));
    const x = device.tensor(values, [2, time, config.dModel]);
    const parameters = { x, ...Object.fromEntries(layer.parameters()) };
    const convolved = valueAndGrad(() => sum(layer.forward(x)), parameters).gradients;
    const stepped = valueAndGrad(() => sum(layer.recur({ x }).y), parameters).gradients;
    for (const [name, gradient] of Object.entries(convolved)) {
      expectClose(await stepped[name as "x"].data(), await gradient.data(), { relative: 1e-4, label: name });
    }
  });
});

describe("an S4D layer", () => {
  const device = new Device(new HostBackend());

  test.each(spreads)("starts with modes that decay and step sizes in their range, %s", async (spread) => {
    const { kernel } = new S4D({ ...config, dModel: 64, dtMin: 0.01, dtMax: 0.5, spread }, seeded(device, 8));
    const steps = (await kernel.logDt.data()).map(Math.exp);
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(0.0099);
    expect(Math.max(...steps)).toBeLessThanOrEqual(0.501);
    expect((await kernel.logAReal.data()).every(Number.isFinite)).toBe(true);
    const imaginary = [...(await kernel.AImag!.data())];
    expect(imaginary.every((value) => (spread === "real" ? value === 0 : value >= 0))).toBe(true);
  });

  test("of real states is a sum of exponentials: each mode once, and no phase to learn", async () => {
    using _ = device.scope();
    const { kernel } = new S4D({ ...config, dState: 3, real: true }, seeded(device, 8));
    expect([...kernel.parameters()].map(([path, { shape }]) => [path, shape])).toEqual([
      ["logDt", [5]],
      ["C", [5, 3]],
      ["logAReal", [5, 3]],
    ]);
    const [K, C, dt] = await Promise.all(
      [kernel.impulseResponse(time), kernel.C, kernel.logDt.exp()].map((tensor) => tensor.data()),
    );
    const expected = K.map((_, at) => {
      const [channel, l] = [Math.floor(at / time), at % time];
      return [1, 2, 3].reduce((sum, rate, n) => {
        const decay = Math.exp(-rate * dt[channel]);
        return sum + (C[3 * channel + n] * (1 - decay) * decay ** l) / rate;
      }, 0);
    });
    expectClose(K, expected, { relative: 1e-6, label: "K" });
  });

  test("names its parameters as the official layer does", () => {
    const layer = new S4D(config, seeded(device, 9));
    expect([...layer.parameters()].map(([path]) => path)).toEqual([
      "D",
      "kernel.logDt",
      "kernel.C",
      "kernel.logAReal",
      "kernel.AImag",
      "outputLinear.weight",
      "outputLinear.bias",
    ]);
  });

  test.each<[Partial<S4DConfig>, string]>([
    [{ dState: 7 }, "Cannot initialise S4D: n is 7 but a positive even number was needed"],
    [{ real: true, spread: "lin" }, 'real states cannot be spread as "lin", only as "real"'],
    [{ spread: "linear" as "lin" }, 'Cannot initialise S4D: init is "linear" but one of'],
  ])("refuses what makes no system: %o", (wrong, message) => {
    expect(() => new S4D({ ...config, ...wrong }, seeded(device, 1))).toThrow(message);
  });

  test("names an input of another width", () => {
    const layer = new S4D(config, seeded(device, 1));
    expect(() => layer.forward(device.zeros([1, 3, 4]))).toThrow(
      new TypeError('Cannot run "fft-conv": "inner" is 4 in u but 5 in K'),
    );
  });
});
