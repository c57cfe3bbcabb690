import { seeded } from "@elapid/nn";
import { Device, HostBackend, sum, valueAndGrad } from "@elapid/tensor";
import { expectClose } from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { architectureOf } from "./registry.ts";

const sizes = { vocab_size: 20, hidden_size: 16, num_hidden_layers: 4, state_size: 4 };
const configs = {
  mamba: { ...sizes, model_type: "mamba" },
  mamba2: { ...sizes, model_type: "mamba2", head_dim: 8, num_heads: 4, n_groups: 1 },
  "state-spaces/Mamba1": { d_model: 16, n_layer: 4, vocab_size: 20, d_intermediate: 8, rms_norm: false, ssm_cfg: {} },
};

describe.each(Object.entries(configs))("%s", (type, config) => {
  const open = async () => {
    const device = new Device(new HostBackend());
    const { configure } = await architectureOf(type, "config.json");
    return { device, model: configure(readConfig(config, "config.json"))(seeded(device, 3)) };
  };

  test("packed sequences are those that run alone", async () => {
    const { device, model } = await open();
    const logitsOf = async (tokens: number[], numbers?: number[]) => {
      const int = (values: number[]) => device.tensor(Int32Array.from(values), [1, values.length]);
      const { logits } = model.forward(int(tokens), { seqIdx: numbers && int(numbers) });
      return [...(await logits!.data())];
    };
    const packed = await logitsOf([3, 1, 4, 1, 5, 9, 2], [0, 0, 0, 1, 1, 2, 2]);
    const alone = [...(await logitsOf([3, 1, 4])), ...(await logitsOf([1, 5])), ...(await logitsOf([9, 2]))];
    expectClose(packed, alone, { relative: 1e-5, label: "logits" });
  });

  test("layers that are computed again give the same bits and hold less", async () => {
    const { device, model } = await open();
    const ids = device.tensor(
      Int32Array.from({ length: 64 }, (_, i) => (i * 7) % 20),
      [2, 32],
    );
    const parameters = Object.fromEntries(model.parameters());
    const differentiate = async (recompute: boolean) => {
      const { layers } = model.forward(ids, { logits: "none" });
      const { value, gradients } = valueAndGrad(() => {
        const { logits } = model.forward(ids, { layers, recompute });
        return sum(logits!.mul(logits!));
      }, parameters);
      return Promise.all([value, ...Object.values(gradients)].map((x) => x.data()));
    };
    expect(await differentiate(true)).toEqual(await differentiate(false));
  });

  test("recomputation lowers the peak", async () => {
    const peakOf = async (recompute: boolean) => {
      const { device, model } = await open();
      const ids = device.tensor(new Int32Array(256), [2, 128]);
      const live = device.liveBytes;
      valueAndGrad(() => sum(model.forward(ids, { recompute }).logits!), Object.fromEntries(model.parameters()));
      return device.peakBytes - live;
    };
    // 0.52 to 0.67 here, where the logits are a good part of either peak
    expect(await peakOf(true)).toBeLessThan(0.7 * (await peakOf(false)));
  });
});
