import type { Tensor } from "@elapid/tensor";
import { causalConv1d } from "./causal-conv1d.ts";
import { roll } from "./roll.ts";

export interface CausalConv1dUpdateInput {
  readonly x: Tensor; // batch time inner
  /** The last inputs, at least `width - 1` of them. */
  readonly state: Tensor; // batch inner held
  readonly weight: Tensor; // inner width
  readonly bias?: Tensor | undefined; // inner
  /**
   * How many inputs each sequence has had, integers. If given, the state is a ring: input `i` stands at `i mod held`.
   * Otherwise it is in order, oldest first.
   */
  readonly cacheSeqlens?: Tensor | undefined; // batch
}

/**
 * Continues a causal convolution from a state that may hold more inputs than the window and may be a ring, as
 * `causal_conv1d_update` of Dao-AILab/causal-conv1d. The state is not written over: the next one is given. A ring is
 * brought into order, convolved, and turned back. Where nothing asks for that layout, `causalConv1d` does the same with less.
 *
 * ```ts
 * const { y, state: next } = causalConv1dUpdate({ x: token, state, weight, cacheSeqlens }, { activation: "silu" });
 * ```
 *
 * @throws RangeError if the state is shorter than `width - 1`; TypeError if two inputs disagree on a size.
 */
export function causalConv1dUpdate(
  { x, state, weight, bias, cacheSeqlens }: CausalConv1dUpdateInput,
  { activation = "none" }: { readonly activation?: "none" | "silu" } = {},
): { readonly y: Tensor; readonly state: Tensor } {
  const { time } = x.dims("batch time inner");
  const { inner, held } = state.dims("batch inner held");
  const { width } = weight.dims("inner width");
  const window = width - 1;
  if (held < window) {
    throw new RangeError(
      `Cannot run "causal-conv1d-update": state holds ${held} inputs but a window of ${window} was needed`,
    );
  }
  // the oldest input of a ring stands where the next will be written
  const ordered = cacheSeqlens === undefined ? state : roll({ x: state, shift: cacheSeqlens }).y;
  const initialState = held === window ? ordered : ordered.slice(2, held - window, held);
  const { y, finalState } = causalConv1d({ x, weight, bias, initialState }, { activation });
  const next = held === window ? finalState : appended(ordered, x);
  if (cacheSeqlens === undefined) return { y, state: next };
  return { y, state: roll({ x: next, shift: cacheSeqlens }, { offset: time, sign: -1 }).y };

  /** The newest `held` inputs: what a convolution of one tap more hands on, whatever its weights. */
  function appended(initialState: Tensor, x: Tensor): Tensor {
    const weight = x.device.zeros([inner, held + 1]);
    return causalConv1d({ x, weight, initialState }).finalState;
  }
}
