import { cutOf, expectClose, softwareWebGpu, tries, wasmBackends } from "@elapid/testing";
import { Device, HostBackend, randomSource, sum, valueAndGrad } from "@elapid/tensor";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { seeded } from "./init.ts";
import { S4 } from "./s4.ts";

const config = { dModel: 5, dState: 8 };
const time = 21;
const values = (() => {
  const random = randomSource(4);
  return Float32Array.from({ length: 2 * time * config.dModel }, () => 2 * random.next() - 1);
})();

const host = new Device(new HostBackend());
let webGpu: Promise<Device> | undefined;
afterAll(async () => (await webGpu)?.dispose());

/** WebGPU has no kernels for it: its ops run on the host there, between those of the device. */
const devices = [
  { name: "host", open: async () => host },
  ...wasmBackends().map(({ name, device }) => ({ name, open: device })),
  { name: "webgpu, software", open: () => (webGpu ??= softwareWebGpu().then((backend) => new Device(backend))) },
];

describe.each(devices)("S4 on $name", ({ open }) => {
  test("is one layer, as a convolution and as a recurrence", async () => {
    const device = await open();
    using _ = device.scope();
    const layer = new S4({ ...config, dState: 64 }, seeded(device, 5));
    const x = device.tensor(values, [2, time, config.dModel]);
    const [convolved, stepped] = [layer.forward(x), layer.recur({ x }).y];
    expectClose(await stepped.data(), await convolved.data(), { relative: 2e-5, label: "y" });
  });

  test("cut anywhere, its state handed on, gives what the whole sequence gives", () =>
    fc.assert(
      fc.asyncProperty(cutOf(time), async (cut) => {
        const device = await open();
        using _ = device.scope();
        const layer = new S4(config, seeded(device, 6));
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

  test("learns: a step against the gradient of every parameter makes the loss smaller", async () => {
    const device = await open();
    const layer = new S4(config, seeded(device, 7));
    using x = device.tensor(values, [2, time, config.dModel]);
    const bytes = device.liveBytes;
    const parameters = Object.fromEntries(layer.parameters());
    const loss = () => {
      const y = layer.forward(x);
      return sum(y.mul(y));
    };
    const losses: number[] = [];
    for (let i = 0; i < 3; i++) {
      using _ = device.scope();
      const { value, gradients } = valueAndGrad(loss, parameters);
      losses.push((await value.data())[0]);
      for (const [name, gradient] of Object.entries(gradients)) {
        expect(
          (await gradient.data()).some((each) => each !== 0),
          name,
        ).toBe(true);
        parameters[name].assign(parameters[name].add(gradient.mul(device.full(gradient.shape, -1e-3))));
      }
    }
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
    expect(device.liveBytes).toBe(bytes);
    layer.dispose();
  });
});

describe("an S4 layer", () => {
  test("starts every channel as HiPPO-LegS", async () => {
    using _ = host.scope();
    const { kernel } = new S4({ dModel: 2, dState: 4 }, seeded(host, 8));
    expect((await kernel.logAReal.data()).every((value) => Math.abs(value - Math.log(0.5)) < 1e-6)).toBe(true);
    expect([...(await kernel.P.data())].slice(0, 4)).toEqual([...(await kernel.P.data())].slice(4));
  });

  test("refuses an odd number of states", () => {
    expect(() => new S4({ dModel: 2, dState: 5 }, seeded(host, 1))).toThrow(
      new RangeError("Cannot diagonalise a HiPPO matrix: n is 5 but an even number was needed"),
    );
  });

  test("has no gradient as a recurrence, and says so", () => {
    using _ = host.scope();
    const layer = new S4(config, seeded(host, 9));
    const x = host.tensor(values, [2, time, config.dModel]);
    expect(() => valueAndGrad(() => sum(layer.recur({ x }).y), { x })).toThrow(
      new TypeError('Cannot differentiate through "s4-scan": it has no gradient'),
    );
  });
});
