import { complexSelectiveScan, selectiveScan } from "@elapid/scan";
import type { Tensor } from "@elapid/tensor";
import { channelsFirst, type CaseInputs, type Outputs, type Recipe } from "./recipe.ts";

/** The official functions of Mamba-1's recurrence, by name. */
export const selectiveScanRecipes: Readonly<Record<string, Recipe>> = {
  selective_scan: {
    run: (inputs) => {
      const { get, channelsLast, attrs } = inputs;
      const op = attrs.complex_A === true ? complexSelectiveScan : selectiveScan;
      const scan = (end = Number(attrs.length)) => {
        const sequence = (tensor: Tensor | undefined) =>
          end === attrs.length || tensor === undefined ? tensor : tensor.slice(1, 0, end);
        const rows = (name: "B" | "C") => (attrs[name] === "const" ? get(name)! : sequence(rowsOf(inputs, name))!);
        return op(
          {
            u: sequence(channelsLast("u"))!,
            delta: sequence(channelsLast("delta"))!,
            A: get("A")!,
            B: rows("B"),
            C: rows("C"),
            D: get("D"),
            z: sequence(channelsLast("z")),
            deltaBias: get("delta_bias"),
            initialState: get("initial_state"),
          },
          { deltaSoftplus: attrs.delta_softplus === true },
        );
      };
      const { y, finalState } = scan();
      const outputs: Outputs = { y: channelsFirst(y), last_state: finalState };
      if (attrs.cut === undefined) return outputs;
      const prefix = scan(Number(attrs.cut));
      return { ...outputs, y_prefix: channelsFirst(prefix.y), state_after_prefix: prefix.finalState };
    },
  },

  // one token is a scan of one step; heads are channels, and all of one group follow each other
  selective_state_update: {
    run: ({ get, attrs }) => {
      const state = get("state")!;
      const batch = state.shape[0];
      const entries = state.shape.at(-1)!;
      const inner = state.size / batch / entries;
      const token = (name: string) => get(name)?.reshape([batch, 1, inner]);
      const { y, finalState } = selectiveScan(
        {
          u: token("x")!,
          delta: token("dt")!,
          A: get("A")!.reshape([inner, entries]),
          B: get("B")!.reshape([batch, 1, Number(attrs.groups), entries]),
          C: get("C")!.reshape([batch, 1, Number(attrs.groups), entries]),
          D: get("D")?.reshape([inner]),
          z: token("z"),
          deltaBias: get("dt_bias")?.reshape([inner]),
          initialState: state.reshape([batch, inner, entries]),
        },
        { deltaSoftplus: attrs.dt_softplus === true },
      );
      return { y, new_state: finalState };
    },
  },
};

/** `B` or `C` with a row a step: official ones have time last, and behind it the parts of complex numbers. */
function rowsOf({ permuted, attrs, values }: CaseInputs, name: "B" | "C"): Tensor | undefined {
  const { shape } = values[name];
  if (attrs[name] === "group") return permuted(name, [0, 3, 1, 2]);
  if (attrs.complex_A !== true) return permuted(name, [0, 2, 1]);
  return permuted(name, [0, 2, 1, 3], [shape[0], shape[1], shape[2] / 2, 2]);
}
