import { ssd } from "@elapid/scan";
import type { CaseInputs, Recipe } from "./recipe.ts";

/** The official functions of Mamba-2's recurrence, by name. */
export const ssdRecipes: Readonly<Record<string, Recipe>> = {
  // the decay comes with the token, and the input is already times its step size
  ssd_minimal: {
    run: ({ device, get }) => {
      const u = get("X")!;
      const [batch, time, heads, headDim] = u.shape;
      const B = get("B")!;
      const { y, finalState } = ssd({
        u,
        delta: device.full([batch, time, heads], 1),
        A: device.zeros([heads]),
        B,
        C: get("C")!,
        logDecay: get("A")!,
        initialState: get("initial_states")?.reshape([batch, heads, headDim, B.shape[3]]),
      });
      return { y, final_state: finalState };
    },
  },

  ssd_chunk_scan: {
    run: ({ get, attrs }) => {
      const D = get("D");
      const { y, finalState } = ssd(
        {
          u: get("x")!,
          delta: get("dt")!,
          A: get("A")!,
          B: get("B")!,
          C: get("C")!,
          D: D?.shape.length === 1 ? D : undefined,
          channelD: D?.shape.length === 2 ? D : undefined,
          z: get("z"),
          deltaBias: get("dt_bias"),
          initialState: get("initial_states"),
          seqIdx: get("seq_idx"),
        },
        { deltaSoftplus: attrs.dt_softplus === true, ...stepLimits(attrs), chunkSize: Number(attrs.chunk_size ?? 0) },
      );
      return { y, final_state: finalState };
    },
  },
};

/** The pair `dt_limit`, whose ends may be "inf"; by default all step sizes are allowed. */
export function stepLimits(attrs: CaseInputs["attrs"]): { readonly deltaMin: number; readonly deltaMax: number } {
  const [deltaMin, deltaMax] = String(attrs.dt_limit ?? "0,inf")
    .split(",")
    .map((limit) => (limit === "inf" ? Infinity : Number(limit)));
  return { deltaMin, deltaMax };
}
