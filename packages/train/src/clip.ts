import { normOp } from "@elapid/ops";
import { concat, type Tensor } from "@elapid/tensor";

/** A gradient is NaN or infinite: training has diverged, and a step with it would spoil every parameter. */
export class DivergedError extends RangeError {
  override readonly name = "DivergedError";
  /** The first parameter, in the order of the model, whose gradient it is. */
  readonly parameter: string;
  /** Its length: NaN or infinite. */
  readonly norm: number;
  /** The first tensor on the way there that is NaN or infinite, and the op that gave it, where it was looked for. */
  readonly origin: string | undefined;

  constructor(parameter: string, norm: number, origin?: string) {
    super(
      `Cannot take a step: the gradient of "${parameter}" is ${Number.isNaN(norm) ? "NaN" : "infinite"}` +
        (origin === undefined ? "" : `, and first of all ${origin}`) +
        "; lower the learning rate, or go back to the last checkpoint",
    );
    this.parameter = parameter;
    this.norm = norm;
    this.origin = origin;
  }
}

/**
 * Euclidean length of all gradients together. One small tensor is read back from the device.
 *
 * @throws DivergedError that names the first gradient that is NaN or infinite.
 */
export async function globalNorm(gradients: Readonly<Record<string, Tensor>>): Promise<number> {
  const names = Object.keys(gradients);
  if (names.length === 0) return 0;
  using norms = normsOf(Object.values(gradients));
  const values = await norms.data();
  let sum = 0;
  values.forEach((norm, i) => {
    if (!Number.isFinite(norm)) throw new DivergedError(names[i], norm);
    sum += norm * norm;
  });
  return Math.sqrt(sum);
}

function normsOf(tensors: readonly Tensor[]): Tensor {
  using scope = tensors[0].device.scope();
  return scope.keep(
    concat(
      tensors.map((x) => normOp({ x }).y),
      0,
    ),
  );
}

/**
 * What to multiply gradients with so that their global norm is at most `max`: `min(1, max / (norm + 1e-6))`, as
 * `torch.nn.utils.clip_grad_norm_` does.
 */
export function clipScale(norm: number, max: number): number {
  return Math.min(1, max / (norm + 1e-6));
}
