import { backends, expectClose, expectGolden, expectGoldenGradients, goldenCases } from "@elapid/testing";
import { Device, HostBackend, randomSource } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { seeded } from "./init.ts";
import { Mamba3Mixer, type Mamba3MixerConfig, type Mamba3MixerState } from "./mamba3-mixer.ts";

const config = { dModel: 12, nHeads: 4, headDim: 6, dState: 8, nGroups: 2, nAngles: 2 };
const variants: readonly (readonly [string, Mamba3MixerConfig])[] = [
  ["of one rank", config],
  ["without angles, with a norm of heads", { ...config, nAngles: 0, headNorm: true }],
  ["of three ranks", { ...config, mimoRank: 3 }],
  ["of two ranks with a norm of heads", { ...config, mimoRank: 2, nAngles: 4, headNorm: true, aFloor: 0.9 }],
];

/** Numbers for an input "2 7 model" of the mixers above. */
const values = (() => {
  const random = randomSource(3);
  return Float32Array.from({ length: 2 * 7 * config.dModel }, () => 2 * random.next() - 1);
})();

describe.each(backends())("Mamba-3 mixer on $name", ({ device: open }) => {
  test.each(goldenCases("mamba3_layer"))("matches $reference: $id", async (golden) => {
    await expectGolden(await open(), golden);
    await expectGoldenGradients(await open(), golden);
  });

  test.each(variants)("%s gives for tokens one by one what it gives for the sequence", async (_name, variant) => {
    const device = await open();
    using _ = device.scope();
    const mixer = new Mamba3Mixer(variant, seeded(device, 5));
    const x = device.tensor(values, [2, 7, config.dModel]);
    const whole = mixer.forward({ x });
    let state: Mamba3MixerState | undefined;
    for (let t = 0; t < 7; t++) {
      const step = mixer.forward({ x: x.slice(1, t, t + 1), state });
      const label = `y of step ${t}`;
      expectClose(await step.y.data(), await whole.y.slice(1, t, t + 1).data(), { relative: 2e-5, label });
      state = step.state;
    }
    for (const [name, tensor] of Object.entries(state!)) {
      const expected = await whole.state[name as keyof Mamba3MixerState].data();
      expectClose(await tensor.data(), expected, { relative: 2e-5, label: name });
    }
  });

  test.each(variants)("%s keeps packed sequences apart and looks past padding", async (_name, variant) => {
    const device = await open();
    using _ = device.scope();
    const mixer = new Mamba3Mixer(variant, seeded(device, 5));
    const x = device.tensor(values, [2, 7, config.dModel]).slice(0, 0, 1);
    const ints = (...numbers: number[]) => device.tensor(Int32Array.from(numbers), [1, 7], "i32");
    const packed = mixer.forward({ x, seqIdx: ints(4, 4, 4, 9, 9, 9, 9), mask: ints(1, 1, 1, 1, 1, 0, 0) });
    const first = mixer.forward({ x: x.slice(1, 0, 3) });
    const second = mixer.forward({ x: x.slice(1, 3, 5) });
    const expectSteps = async (from: number, to: number, alone: typeof first) =>
      expectClose(await packed.y.slice(1, from, to).data(), await alone.y.data(), { relative: 1e-5, label: "y" });
    await expectSteps(0, 3, first);
    await expectSteps(3, 5, second);
    const ssm = await packed.state.ssm.data();
    expectClose(ssm, await second.state.ssm.data(), { relative: 1e-5, label: "ssm" });
  });
});

describe("a Mamba-3 mixer", () => {
  const device = new Device(new HostBackend());

  test("begins as mamba_ssm lets it", async () => {
    const mixer = new Mamba3Mixer({ ...config, mimoRank: 4 }, seeded(device, 5));
    const all = async (tensor: typeof mixer.D) => [...new Set(await tensor.data())];
    expect(await all(mixer.D)).toEqual([1]);
    expect([await all(mixer.BBias), await all(mixer.CBias)]).toEqual([[1], [1]]);
    expect([await all(mixer.mimoX!), await all(mixer.mimoZ!), await all(mixer.mimoO!)]).toEqual([[0.25], [1], [0.25]]);
    for (const bias of await mixer.deltaBias.data()) {
      const delta = Math.log1p(Math.exp(bias));
      expect(delta).toBeGreaterThan(0.0009);
      expect(delta).toBeLessThan(0.101);
    }
  });

  test("refuses sizes that do not fit", () => {
    using _ = device.scope();
    const x = device.tensor(values, [2, 7, config.dModel]);
    const run = (wrong: Partial<Mamba3MixerConfig>) =>
      new Mamba3Mixer({ ...config, ...wrong }, seeded(device, 5)).forward({ x });
    expect(() => run({ nGroups: 3 })).toThrow('"heads" is 4 but a multiple of "groups", 3, was needed');
    expect(() => run({ nAngles: 5 })).toThrow('"state" is 8 but twice "pairs", 10, was needed');
  });
});
