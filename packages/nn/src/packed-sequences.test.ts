import { backends, expectClose } from "@elapid/testing";
import { randomSource, sum, valueAndGrad, type Device, type Tensor } from "@elapid/tensor";
import { describe, test } from "vitest";
import { seeded } from "./init.ts";
import { Mamba2Mixer } from "./mamba2-mixer.ts";
import { MambaMixer } from "./mamba-mixer.ts";

const dModel = 6;
const lengths = [5, 1, 7];
const time = lengths.reduce((total, length) => total + length, 0);
const seqIdx = lengths.flatMap((length, i) => Array<number>(length).fill(i));

/** Numbers for an input "1 time model". */
const values = (() => {
  const random = randomSource(8);
  return Float32Array.from({ length: time * dModel }, () => 2 * random.next() - 1);
})();

const mixers = {
  "Mamba-1": (device: Device) =>
    new MambaMixer({ dModel, dInner: 12, dState: 4, dConv: 4, dtRank: 2 }, seeded(device, 5)),
  "Mamba-2": (device: Device) =>
    new Mamba2Mixer({ dModel, dInner: 12, nHeads: 2, headDim: 6, dState: 4, nGroups: 1, dConv: 4 }, seeded(device, 5)),
};

describe.each(backends())("packed sequences on $name", ({ device: open }) => {
  test.each(Object.entries(mixers))(
    "pass a %s mixer as they do one by one, gradients included",
    async (_name, make) => {
      const device = await open();
      using _ = device.scope();
      const mixer = make(device);
      const x = device.tensor(values, [1, time, dModel]);
      const weights = device.tensor(values.toReversed(), [1, time, dModel]);
      const ids = device.tensor(seqIdx, [1, time], "i32");
      const parameters = { x, ...Object.fromEntries(mixer.parameters()) };

      const alone = (loss: (from: number, to: number) => Tensor) => {
        let from = 0;
        return lengths.map((length) => loss(from, (from += length)));
      };
      const piece = (from: number, to: number) => mixer.forward({ x: x.slice(1, from, to) });
      const packed = mixer.forward({ x, seqIdx: ids });
      let from = 0;
      for (const y of alone((start, end) => piece(start, end).y)) {
        const to = from + y.shape[1];
        const label = `y of steps ${from} to ${to}`;
        expectClose(await packed.y.slice(1, from, to).data(), await y.data(), { relative: 2e-5, label });
        from = to;
      }
      const last = piece(time - lengths[2], time).state;
      expectClose(await packed.state.ssm.data(), await last.ssm.data(), { relative: 2e-5, label: "ssm" });
      expectClose(await packed.state.conv.data(), await last.conv.data(), { relative: 2e-5, label: "conv" });

      const together = valueAndGrad(() => sum(mixer.forward({ x, seqIdx: ids }).y.mul(weights)), parameters).gradients;
      const apart = valueAndGrad(
        () =>
          alone((start, end) => sum(piece(start, end).y.mul(weights.slice(1, start, end)))).reduce((a, b) => a.add(b)),
        parameters,
      ).gradients;
      for (const [name, gradient] of Object.entries(apart)) {
        expectClose(await together[name as "x"].data(), await gradient.data(), { relative: 1e-4, label: name });
      }
    },
  );
});
