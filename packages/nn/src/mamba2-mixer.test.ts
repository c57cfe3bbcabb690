import { backends, expectClose, expectGolden, expectGoldenGradients, goldenCases } from "@elapid/testing";
import { Device, HostBackend, randomSource } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { seeded } from "./init.ts";
import { Mamba2Mixer, type Mamba2MixerConfig, type Mamba2MixerState } from "./mamba2-mixer.ts";

const config = { dModel: 12, dInner: 24, nHeads: 4, headDim: 6, dState: 5, nGroups: 2, dConv: 4 };
const variants: readonly (readonly [string, Mamba2MixerConfig])[] = [
  ["as transformers has it", config],
  ["with a norm of groups", { ...config, gatedNorm: { groups: 2 } }],
  ["with the gate after the norm", { ...config, gatedNorm: { groups: 4, beforeGate: true } }],
  ["without a norm", { ...config, gatedNorm: false }],
  ["with channels beside the scan", { ...config, nHeads: 2, bias: true, convBias: false }],
  ["with a D for each channel and step sizes held", { ...config, channelD: true, deltaMin: 0.02, deltaMax: 0.05 }],
];

/** Numbers for an input "2 7 model" of the mixers above. */
const values = (() => {
  const random = randomSource(3);
  return Float32Array.from({ length: 2 * 7 * config.dModel }, () => 2 * random.next() - 1);
})();

describe.each(backends())("Mamba-2 mixer on $name", ({ device: open }) => {
  test.each(goldenCases("mamba2_layer"))("matches $reference: $id", async (golden) =>
    expectGolden(await open(), golden),
  );

  test.each(variants)("%s gives for tokens one by one what it gives for the sequence", async (_name, variant) => {
    const device = await open();
    using _ = device.scope();
    const mixer = new Mamba2Mixer(variant, seeded(device, 5));
    const x = device.tensor(values, [2, 7, config.dModel]);
    const whole = mixer.forward({ x });
    let state: Mamba2MixerState | undefined;
    for (let t = 0; t < 7; t++) {
      const step = mixer.forward({ x: x.slice(1, t, t + 1), state });
      const label = `y of step ${t}`;
      expectClose(await step.y.data(), await whole.y.slice(1, t, t + 1).data(), { relative: 2e-5, label });
      state = step.state;
    }
    expectClose(await state!.ssm.data(), await whole.state.ssm.data(), { relative: 2e-5, label: "ssm" });
    expectClose(await state!.conv.data(), await whole.state.conv.data(), { relative: 2e-5, label: "conv" });
  });

  test.each(variants)("%s keeps packed sequences apart and looks past padding", async (_name, variant) => {
    const device = await open();
    using _ = device.scope();
    const mixer = new Mamba2Mixer(variant, seeded(device, 5));
    const x = device.tensor(values, [2, 7, config.dModel]).slice(0, 0, 1);
    const ints = (...numbers: number[]) => device.tensor(Int32Array.from(numbers), [1, 7], "i32");
    const packed = mixer.forward({ x, seqIdx: ints(4, 4, 4, 9, 9, 9, 9), mask: ints(1, 1, 1, 1, 1, 0, 0) });
    const first = mixer.forward({ x: x.slice(1, 0, 3) });
    const second = mixer.forward({ x: x.slice(1, 3, 5) });
    const expectSteps = async (from: number, to: number, alone: typeof first) =>
      expectClose(await packed.y.slice(1, from, to).data(), await alone.y.data(), { relative: 1e-5, label: "y" });
    await expectSteps(0, 3, first);
    await expectSteps(3, 5, second);
    for (const name of ["ssm", "conv"] as const) {
      expectClose(await packed.state[name].data(), await second.state[name].data(), { relative: 1e-5, label: name });
    }
  });
});

describe.each(backends())("gradients of a Mamba-2 mixer on $name", ({ device: open }) => {
  test.each(goldenCases("mamba2_layer"))("match $reference: $id", async (golden) =>
    expectGoldenGradients(await open(), golden),
  );
});

describe("a Mamba-2 mixer", () => {
  const device = new Device(new HostBackend());

  test.each([
    [{ ...config, nHeads: 5 }, "5 heads of 6 have 30 channels but at most dInner, 24, was needed"],
    [{ ...config, gatedNorm: { groups: 5 } }, "24 features were given but a multiple of 5 groups was needed"],
  ])("refuses sizes that do not fit: %#", (wrong, message) => {
    expect(() => new Mamba2Mixer(wrong, seeded(device, 5))).toThrow(new RegExp(`^Cannot make a .*: ${message}$`));
  });

  test("computes A again after its logarithm changed, frozen or not", async () => {
    using _ = device.scope();
    const mixer = new Mamba2Mixer(config, seeded(device, 5));
    const x = device.tensor(values, [2, 7, config.dModel]);
    const output = async () => mixer.forward({ x }).y.data();
    const plain = await output();
    mixer.freeze();
    expect(await output()).toEqual(plain);
    mixer.logA.assign(device.zeros([config.nHeads]));
    expect(await output()).not.toEqual(plain);
  });
});
