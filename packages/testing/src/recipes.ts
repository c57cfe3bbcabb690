import { attention, crossEntropy, rope } from "@elapid/ops";
import { causalConv1d, causalConv1dUpdate } from "@elapid/scan";
import { channelsFirst, type Outputs, type Recipe } from "./recipe.ts";
import { ltiRecipes } from "./recipes-lti.ts";
import { mamba3Recipes } from "./recipes-mamba3.ts";
import { mixerRecipes } from "./recipes-mixers.ts";
import { normRecipes } from "./recipes-norm.ts";
import { recurrentRecipes } from "./recipes-recurrent.ts";
import { ssdRecipes } from "./recipes-ssd.ts";
import { scanRecipes } from "./recipes-scan.ts";
import { selectiveScanRecipes } from "./recipes-selective-scan.ts";

/** The official functions that the ops can express, by name. */
export const recipes: Readonly<Record<string, Recipe>> = {
  ...ltiRecipes,
  ...mamba3Recipes,
  ...mixerRecipes,
  ...normRecipes,
  ...recurrentRecipes,
  ...ssdRecipes,
  ...scanRecipes,
  ...selectiveScanRecipes,

  causal_conv1d: {
    run: ({ get, channelsLast, attrs }) => {
      const { y, finalState } = causalConv1d(
        {
          x: channelsLast("x")!,
          weight: get("weight")!,
          bias: get("bias"),
          initialState: get("initial_state"),
          seqIdx: get("seq_idx"),
        },
        { activation: String(attrs.activation) },
      );
      return { y: channelsFirst(y), final_state: finalState };
    },
  },

  causal_conv1d_update: {
    run: ({ get, channelsLast, values, attrs }) => {
      const { shape } = values.x;
      // one step comes without an axis of time
      const x = shape.length === 2 ? get("x")!.reshape([shape[0], 1, shape[1]]) : channelsLast("x")!;
      const { y, state } = causalConv1dUpdate(
        { x, state: get("state")!, weight: get("weight")!, bias: get("bias"), cacheSeqlens: get("cache_seqlens") },
        { activation: attrs.activation === "silu" ? "silu" : "none" },
      );
      return { y: channelsFirst(y), new_state: state };
    },
  },

  attention: {
    run: ({ get, attrs }) => {
      const turned = (name: string) =>
        rope(get(name)!, { rotaryDim: Number(attrs.rotary_dim), theta: Number(attrs.rope_theta) });
      const options = { causal: attrs.causal === true, scale: Number(attrs.softmax_scale) };
      return { y: attention(turned("q"), turned("k"), get("v")!, options) };
    },
  },

  cross_entropy: {
    run: ({ get, attrs, values }) => {
      const { reduction, ignore_index: ignore, label_smoothing: smoothing } = attrs;
      const options = { ignoreIndex: Number(ignore), labelSmoothing: Number(smoothing) };
      const loss = crossEntropy(get("logits")!, get("labels")!, options);
      if (reduction === "none") return { loss } as Outputs;
      const counted = [...values.labels.data].filter((label) => label !== ignore).length;
      return { loss: { summed: loss, over: reduction === "sum" ? 1 : counted } };
    },
  },
};
