import { addRmsNorm, layerNorm, rmsNorm, silu } from "@elapid/ops";
import type { Tensor } from "@elapid/tensor";
import type { KernelCase } from "./kernel-cases.ts";
import type { Outputs, Recipe } from "./recipe.ts";

/** The official norms, by name. */
export const normRecipes: Readonly<Record<string, Recipe>> = {
  rms_norm: {
    run: ({ get, attrs }) => {
      const eps = Number(attrs.eps);
      const residual = get("residual");
      if (residual === undefined) return { y: rmsNorm(get("x")!, get("weight")!, eps) } as Outputs;
      const { y, sum } = addRmsNorm(get("x")!, residual, get("weight")!, eps);
      return { y, residual_out: sum };
    },
  },

  rms_norm_gated: {
    run: ({ get, attrs }) => ({
      y: gatedRmsNorm({ x: get("x")!, z: get("z"), weight: get("weight")!, bias: get("bias") }, attrs),
    }),
  },

  layer_norm: {
    run: ({ get, attrs }) => ({ y: layerNorm(get("x")!, get("weight")!, get("bias"), Number(attrs.eps)) }),
  },
};

interface GatedNormInputs {
  readonly x: Tensor;
  readonly z: Tensor | undefined;
  readonly weight: Tensor;
  readonly bias?: Tensor | undefined;
}

/** The norm of groups of `group_size` channels, by default of all, and the gate before or after it. */
export function gatedRmsNorm({ x, z, weight, bias }: GatedNormInputs, attrs: KernelCase["attrs"]): Tensor {
  const size = Number(attrs.group_size ?? weight.size);
  const gate = (value: Tensor) => (z === undefined ? value : value.mul(silu(z)));
  const norm = (value: Tensor) => {
    const groups = value.reshape([value.size / size, size]);
    const y = rmsNorm(groups, value.device.full([size], 1), Number(attrs.eps))
      .reshape(value.shape)
      .mul(weight);
    return bias === undefined ? y : y.add(bias);
  };
  return attrs.norm_before_gate === true ? gate(norm(x)) : norm(gate(x));
}
