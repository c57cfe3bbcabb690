import { selectiveScan, ssd } from "@elapid/scan";
import { concat, type Tensor } from "@elapid/tensor";
import type { CaseInputs, Outputs, Recipe } from "./recipe.ts";

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

/**
 * `selective_state_update` with heads. Its A, dt, dt_bias and D are those of channels, and so are their gradients
 * where heads are tied: each group of heads is a selective scan of one step over the channels of its heads.
 */
export function stateUpdateWithHeads({ get, attrs }: CaseInputs): Outputs {
  const [batch, heads, headDim, state] = get("state")!.shape;
  const groups = Number(attrs.groups);
  const headsOfGroup = heads / groups;
  const inner = headsOfGroup * headDim;
  const steps = Array.from({ length: groups }, (_, group) => {
    const part = (name: string, axis: number, size: number, shape: number[]): Tensor | undefined =>
      get(name)
        ?.slice(axis, group * size, (group + 1) * size)
        .reshape(shape);
    const token = (name: string) => part(name, 1, headsOfGroup, [batch, 1, inner]);
    const shared = (name: string) => part(name, 1, 1, [batch, 1, state]);
    return selectiveScan(
      {
        u: token("x")!,
        delta: token("dt")!,
        A: part("A", 0, headsOfGroup, [inner, state])!,
        B: shared("B")!,
        C: shared("C")!,
        D: part("D", 0, headsOfGroup, [inner]),
        z: token("z"),
        deltaBias: part("dt_bias", 0, headsOfGroup, [inner]),
        initialState: part("state", 1, headsOfGroup, [batch, inner, state]),
      },
      { deltaSoftplus: attrs.dt_softplus === true },
    );
  });
  const joined = (parts: readonly Tensor[], shape: readonly number[]) =>
    concat(
      parts.map((part) => part.reshape([batch, headsOfGroup, ...shape])),
      1,
    );
  return {
    y: joined(
      steps.map(({ y }) => y),
      [headDim],
    ),
    new_state: joined(
      steps.map(({ finalState }) => finalState),
      [headDim, state],
    ),
  };
}
