import { blank } from "@elapid/nn";
import { Device, UnsupportedError } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { checkpointName, type Architecture } from "./define.ts";
import { mamba2, stateSpacesMamba2 } from "./mamba2.ts";
import { PaperBackend } from "./paper.ts";

/** Of transformers. */
const config = {
  ...{ model_type: "mamba2", hidden_size: 48, num_hidden_layers: 2, vocab_size: 30, expand: 2, state_size: 16 },
  ...{ num_heads: 8, head_dim: 12, n_groups: 2, conv_kernel: 4 },
};
/** Of state-spaces, with a mixer that is `ssm`. */
const original = (ssm: object, rest: object = {}) => ({
  ...{ d_model: 48, n_layer: 2, vocab_size: 30, d_intermediate: 0, ...rest },
  ssm_cfg: { layer: "Mamba2", d_state: 16, headdim: 16, ...ssm },
});

/** Shapes of a model's parameters by their names in a checkpoint. */
function shapesOf(architecture: Architecture, json: object): Record<string, readonly number[]> {
  const model = architecture.configure(readConfig(json, "config.json"))(blank(new Device(new PaperBackend())));
  return Object.fromEntries(
    [...model.parameters()].map(([path, { shape }]) => [checkpointName(path, architecture.names), shape]),
  );
}

const layer = "backbone.layers.1.mixer";

test("parameters have the names and shapes that transformers gives them", () => {
  const shapes = shapesOf(mamba2, config);
  expect(shapes).toMatchObject({
    "backbone.embeddings.weight": [30, 48],
    [`${layer}.in_proj.weight`]: [2 * 96 + 2 * 32 + 8, 48],
    [`${layer}.conv1d.weight`]: [96 + 2 * 32, 1, 4],
    [`${layer}.dt_bias`]: [8],
    [`${layer}.A_log`]: [8],
    [`${layer}.D`]: [8],
    [`${layer}.norm.weight`]: [96],
    "lm_head.weight": [30, 48],
  });
  expect(Object.keys(shapesOf(mamba2, { ...config, tie_word_embeddings: true }))).not.toContain("lm_head.weight");
});

test("channels beside the scan, a D for each channel and no norm change shapes as in mamba_ssm", () => {
  const shapes = shapesOf(stateSpacesMamba2, original({ d_ssm: 32, ngroups: 2, D_has_hdim: true, rmsnorm: false }));
  expect(shapes).toMatchObject({
    "backbone.embedding.weight": [32, 48],
    [`${layer}.in_proj.weight`]: [2 * 96 + 2 * 32 + 2, 48],
    [`${layer}.D`]: [32],
    [`${layer}.out_proj.weight`]: [48, 96],
  });
  expect(Object.keys(shapes)).not.toContain(`${layer}.norm.weight`);
});

describe("a config that does not fit is refused", () => {
  const INFINITY = { __float__: "Infinity" };

  test.each([
    [{ num_heads: 7 }, '"num_heads" is 7 but 8 was needed'],
    [{ n_groups: 3 }, '"n_groups" is 3 but a divisor of the 8 heads was needed'],
    [{ hidden_act: "gelu" }, '"hidden_act" is "gelu"'],
    [{ time_step_limit: [0.1, 0] }, '"time_step_limit" is [0.1,0] but two numbers were needed, the smaller one first'],
    [{ time_step_limit: [0] }, '"time_step_limit" is [0]'],
    [{ time_step_limit: "all" }, '"time_step_limit" is "all"'],
    [{ time_step_limit: [INFINITY, { __float__: "big" }] }, '"time_step_limit" is [{"__float__":"Infinity"}'],
  ])("of transformers: %j", (fields, message) => {
    expect(() => shapesOf(mamba2, { ...config, ...fields })).toThrow(`Cannot read "config.json": ${message}`);
    expect(() => shapesOf(mamba2, { ...config, time_step_limit: [0, INFINITY] })).not.toThrow();
  });

  test.each([
    [
      original({ headdim: 36 }),
      TypeError,
      '"ssm_cfg.headdim" is 36 but a divisor of the mixer\'s 96 channels was needed',
    ],
    [original({ d_ssm: 97 }), TypeError, '"ssm_cfg.d_ssm" is 97 but a whole number from 1 to 96 was needed'],
    [original({ ngroups: 4 }), TypeError, '"ssm_cfg.ngroups" is 4 but a divisor of the 6 heads was needed'],
    [original({ dt_limit: [1] }), TypeError, '"ssm_cfg.dt_limit" is [1] but two numbers were needed'],
    [original({}, { attn_layer_idx: [1] }), UnsupportedError, '"attn_layer_idx" names attention layers'],
  ])("of state-spaces: %j", (json, kind, message) => {
    const read = () => shapesOf(stateSpacesMamba2, json);
    expect(read).toThrow(kind);
    expect(read).toThrow(`Cannot read "config.json": ${message}`);
  });
});
