import { blank, Gru, Rnn } from "@elapid/nn";
import type { CaseInputs, Outputs, Recipe } from "./recipe.ts";

/** Layers of PyTorch, by name. */
export const recurrentRecipes: Readonly<Record<string, Recipe>> = {
  torch_rnn: { run: (inputs) => runLayer(inputs, Rnn) },
  torch_gru: { run: (inputs) => runLayer(inputs, Gru) },
};

const torchNames: Readonly<Record<string, string>> = {
  "inProj.weight": "weight_ih",
  "inProj.bias": "bias_ih",
  "recurrent.weight": "weight_hh",
  "recurrent.bias": "bias_hh",
};

function runLayer(inputs: CaseInputs, Layer: typeof Rnn | typeof Gru): Outputs {
  const { device, attrs } = inputs;
  const config = { dModel: Number(attrs.input), dHidden: Number(attrs.hidden), bias: attrs.bias === true };
  const layer = inputs.module(
    () => new Layer(config, blank(device)),
    (path) => torchNames[path],
  );
  const h = inputs.get("h0");
  const state = h && { h: h.reshape(h.shape.slice(1)) };
  const { y, state: last } = layer.forward({ x: inputs.get("x")!, state });
  return { y, h: last.h.reshape([1, ...last.h.shape]) };
}
