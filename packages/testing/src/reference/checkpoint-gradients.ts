import { architectureOf, checkpointName, type LanguageModel } from "@elapid/models";
import { crossEntropy } from "@elapid/ops";
import { sum, valueAndGrad, type Tensor } from "@elapid/tensor";
import { difference } from "../close.ts";
import type { Values } from "../safetensors.ts";
import type { Comparison } from "./report.ts";

/** Relative to the peak: what the tree's README says that long sums, such as these, reach. */
const RELATIVE = 1e-4;

/** What the tree knows of the gradients of the mean next-token loss over `ids`. */
export interface ExpectedGradients {
  readonly ids: readonly (readonly number[])[];
  /** `grad.<parameter>`, for some models. */
  readonly tensors: ReadonlyMap<string, Values>;
  /** Euclidean norms, by parameter. */
  readonly norms: Readonly<Record<string, number>>;
}

/** The loss of each token that has one before it: `batch time-1`. */
export function tokenLosses(lm: LanguageModel, ids: readonly (readonly number[])[]): Tensor {
  using scope = lm.device.scope();
  const { logits } = lm.forward(ids);
  const time = ids[0].length;
  const labels = lm.device.tensor(Int32Array.from(ids.flatMap((row) => row.slice(1))), [ids.length, time - 1]);
  return scope.keep(crossEntropy(logits.slice(1, 0, time - 1), labels));
}

/** Compares the gradient of the mean loss by every parameter: its numbers where the tree has them, else its norm. */
export async function compareGradients(
  lm: LanguageModel,
  { ids, tensors, norms }: ExpectedGradients,
): Promise<Comparison[]> {
  const { names } = await architectureOf(lm.modelType, "config.json");
  const parameters = new Map([...lm.model.parameters()].map(([path, tensor]) => [checkpointName(path, names), tensor]));
  const { value, gradients } = valueAndGrad(() => {
    const losses = tokenLosses(lm, ids);
    return sum(losses).mul(lm.device.full([], 1 / losses.size));
  }, Object.fromEntries(parameters));
  value.dispose();

  const comparisons: Comparison[] = [];
  for (const [name, norm] of Object.entries(norms)) {
    const gradient = gradients[name];
    const actual = gradient === undefined ? new Float32Array() : await gradient.data();
    const wanted = tensors.get(`grad.${name}`);
    if (wanted !== undefined) {
      comparisons.push({ what: `gradient of ${name}`, ...difference(actual, wanted.data, { relative: RELATIVE }) });
    }
    const length = Math.hypot(...actual);
    comparisons.push({
      what: `norm of the gradient of ${name}`,
      error: Math.abs(length - norm),
      tolerance: 1e-6 + RELATIVE * norm,
    });
  }
  for (const gradient of Object.values<Tensor>(gradients)) gradient.dispose();
  return comparisons;
}
