import { blank } from "@elapid/nn";
import { Device, UnsupportedError } from "@elapid/tensor";
import { expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { checkpointName } from "./define.ts";
import { stateSpacesMamba3 } from "./mamba3.ts";
import { PaperBackend } from "./paper.ts";

const config = (ssm: object, rest: object = {}) => ({
  ...{ d_model: 48, n_layer: 2, vocab_size: 30, d_intermediate: 0, ...rest },
  ssm_cfg: { layer: "Mamba3", d_state: 16, headdim: 16, ...ssm },
});

/** Shapes of a model's parameters by their names in a checkpoint. */
function shapesOf(json: object): Record<string, readonly number[]> {
  const model = stateSpacesMamba3.configure(readConfig(json, "config.json"))(blank(new Device(new PaperBackend())));
  return Object.fromEntries(
    [...model.parameters()].map(([path, { shape }]) => [checkpointName(path, stateSpacesMamba3.names), shape]),
  );
}

const layer = "backbone.layers.1.mixer";

test("parameters have the names and shapes that mamba_ssm gives them", () => {
  const shapes = shapesOf(config({ rope_fraction: 0.5 }));
  expect(shapes).toMatchObject({
    "backbone.embedding.weight": [32, 48],
    [`${layer}.in_proj.weight`]: [2 * 96 + 2 * 16 + 3 * 6 + 4, 48],
    [`${layer}.dt_bias`]: [6],
    [`${layer}.B_bias`]: [6, 1, 16],
    [`${layer}.C_bias`]: [6, 1, 16],
    [`${layer}.B_norm.weight`]: [16],
    [`${layer}.C_norm.weight`]: [16],
    [`${layer}.D`]: [6],
    [`${layer}.out_proj.weight`]: [48, 96],
  });
  expect(Object.keys(shapes)).not.toContain(`${layer}.mimo_x`);
  expect(Object.keys(shapes)).not.toContain(`${layer}.norm.weight`);
});

test("ranks, groups, a norm and more angles change shapes as in mamba_ssm", () => {
  const mimo = { is_mimo: true, mimo_rank: 3, ngroups: 2, is_outproj_norm: true, rope_fraction: 1 };
  expect(shapesOf(config(mimo))).toMatchObject({
    [`${layer}.in_proj.weight`]: [2 * 96 + 2 * 3 * 2 * 16 + 3 * 6 + 8, 48],
    [`${layer}.C_bias`]: [6, 3, 16],
    [`${layer}.mimo_x`]: [6, 3, 16],
    [`${layer}.mimo_z`]: [6, 3, 16],
    [`${layer}.mimo_o`]: [6, 3, 16],
    [`${layer}.norm.weight`]: [96],
  });
});

test.each([
  [config({ headdim: 36 }), TypeError, '"ssm_cfg.headdim" is 36 but a divisor of the mixer\'s 96 channels was needed'],
  [config({ ngroups: 4 }), TypeError, '"ssm_cfg.ngroups" is 4 but a divisor of the 6 heads was needed'],
  [config({ rope_fraction: 1.5 }), TypeError, '"ssm_cfg.rope_fraction" is 1.5 but a number above 0 and up to 1 was'],
  [config({ A_floor: 0 }), TypeError, '"ssm_cfg.A_floor" is 0 but a number above 0 was needed'],
  [config({}, { attn_layer_idx: [1] }), UnsupportedError, '"attn_layer_idx" names attention layers'],
])("a config that does not fit is refused: %j", (json, kind, message) => {
  const read = () => shapesOf(json);
  expect(read).toThrow(kind);
  expect(read).toThrow(`Cannot read "config.json": ${message}`);
});
