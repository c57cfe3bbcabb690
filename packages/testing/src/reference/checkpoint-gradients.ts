import { architectureOf, checkpointName, type LanguageModel } from "@elapid/models";
import { crossEntropy } from "@elapid/ops";
import { sum, valueAndGrad, type Tensor } from "@elapid/tensor";
import { difference } from "../close.ts";
import type { Values } from "../safetensors.ts";
import type { Comparison } from "./report.ts";

/** Relative to the peak: what the tree's README says that long sums, such as these, reach. */
const RELATIVE = 1e-4;

type Ids = readonly (readonly number[])[];

/** The loss of each token that has one before it: `batch time-1`. */
export function tokenLosses(lm: LanguageModel, ids: Ids): Tensor {
  using scope = lm.device.scope();
  const { logits } = lm.forward(ids);
  const time = ids[0].length;
  const labels = lm.device.tensor(Int32Array.from(ids.flatMap((row) => row.slice(1))), [ids.length, time - 1]);
  return scope.keep(crossEntropy(logits.slice(1, 0, time - 1), labels));
}

/**
 * Compares the gradient of the mean loss by every parameter: its norm, and its numbers where the tree has them.
 *
 * @param norms Euclidean norms by parameter
 * @param tensors `grad.<parameter>`, for some models
 */
export async function compareGradients(
  lm: LanguageModel,
  ids: Ids,
  norms: Readonly<Record<string, number>>,
  tensors: ReadonlyMap<string, Values>,
): Promise<Comparison[]> {
  const { names } = await architectureOf(lm.modelType, "config.json");
  const parameters = [...lm.model.parameters()].map(([path, tensor]) => [checkpointName(path, names), tensor] as const);
  const { value, gradients } = valueAndGrad(() => {
    const losses = tokenLosses(lm, ids);
    return sum(losses).mul(lm.device.full([], 1 / losses.size));
  }, Object.fromEntries(parameters));
  value.dispose();
  const comparisons: Comparison[] = [];
  for (const [name, norm] of Object.entries(norms)) {
    const actual = (await gradients[name]?.data()) ?? new Float32Array();
    const wanted = tensors.get(`grad.${name}`);
    if (wanted !== undefined) {
      comparisons.push({ what: `gradient of ${name}`, ...difference(actual, wanted.data, { relative: RELATIVE }) });
    }
    const error = Math.abs(lengthOf(actual) - norm);
    comparisons.push({ what: `norm of the gradient of ${name}`, error, tolerance: 1e-6 + RELATIVE * norm });
  }
  for (const gradient of Object.values(gradients)) gradient.dispose();
  return comparisons;
}

function lengthOf(values: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i] * values[i];
  return Math.sqrt(squares);
}
