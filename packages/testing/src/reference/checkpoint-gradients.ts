import { architectureOf, checkpointName, type LanguageModel } from "@elapid/models";
import { crossEntropy } from "@elapid/ops";
import { sum, valueAndGrad, type Tensor } from "@elapid/tensor";
import { AdamW, clipScale, globalNorm } from "@elapid/train";
import { difference } from "../close.ts";
import type { Values } from "../safetensors.ts";
import type { Comparison } from "./report.ts";

/** Relative to the peak: what the tree's README says that long sums, such as these, reach. */
const GRADIENT = 1e-4;
/** What it says that ten steps of Adam magnify rounding to. */
const TRAINED = 1e-3;

type Ids = readonly (readonly number[])[];

/** A run of AdamW as `expected.json` describes it; `losses` has one more than there are steps. */
export interface ExpectedAdamW {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weight_decay: number;
  readonly clip_norm: number;
  readonly steps: number;
  readonly losses: readonly number[];
  readonly grad_norms_before_clip: readonly number[];
  readonly parameters_after: Readonly<Record<string, { readonly l2: number }>>;
}

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
  const { value, gradients } = differentiate(lm, ids, await parametersOf(lm));
  value.dispose();
  const comparisons: Comparison[] = [];
  for (const [name, norm] of Object.entries(norms)) {
    const actual = (await gradients[name]?.data()) ?? new Float32Array();
    const wanted = tensors.get(`grad.${name}`);
    if (wanted !== undefined) {
      comparisons.push({ what: `gradient of ${name}`, ...difference(actual, wanted.data, { relative: GRADIENT }) });
    }
    comparisons.push(compareNumber(`norm of the gradient of ${name}`, lengthOf(actual), norm, GRADIENT));
  }
  for (const gradient of Object.values(gradients)) gradient.dispose();
  return comparisons;
}

/** Trains as the tree did and compares loss and gradient norm of each step, and the parameters afterwards. */
export async function compareAdamW(
  lm: LanguageModel,
  ids: Ids,
  run: ExpectedAdamW,
  tensors: ReadonlyMap<string, Values>,
): Promise<Comparison[]> {
  const parameters = await parametersOf(lm);
  const [beta1, beta2] = run.betas;
  const settings = { beta1, beta2, eps: run.eps, weightDecay: run.weight_decay, groups: [] };
  const optimiser = new AdamW(Object.entries(parameters), settings);
  const comparisons: Comparison[] = [];
  for (let step = 0; step <= run.steps; step++) {
    const { value, gradients } = differentiate(lm, ids, parameters);
    comparisons.push(compareNumber(`loss before step ${step}`, (await value.data())[0], run.losses[step], TRAINED));
    if (step < run.steps) {
      const norm = await globalNorm(gradients);
      comparisons.push(compareNumber(`gradient norm of step ${step}`, norm, run.grad_norms_before_clip[step], TRAINED));
      optimiser.step(gradients, { lr: run.lr, gradientScale: clipScale(norm, run.clip_norm) });
    }
    for (const tensor of [value, ...Object.values(gradients)]) tensor.dispose();
  }
  optimiser.dispose();

  for (const [name, { l2 }] of Object.entries(run.parameters_after)) {
    const actual = (await parameters[name]?.data()) ?? new Float32Array();
    comparisons.push(compareNumber(`norm of ${name} afterwards`, lengthOf(actual), l2, TRAINED));
    const wanted = tensors.get(`adamw.param.${name}`);
    if (wanted !== undefined) {
      comparisons.push({ what: `${name} afterwards`, ...difference(actual, wanted.data, { relative: TRAINED }) });
    }
  }
  return comparisons;
}

/** The parameters by the names that the checkpoint gives them. */
async function parametersOf(lm: LanguageModel): Promise<Record<string, Tensor>> {
  const { names } = await architectureOf(lm.modelType, "config.json");
  return Object.fromEntries([...lm.model.parameters()].map(([path, tensor]) => [checkpointName(path, names), tensor]));
}

/** The mean next-token loss and its gradients. */
function differentiate(lm: LanguageModel, ids: Ids, parameters: Record<string, Tensor>) {
  return valueAndGrad(() => {
    const losses = tokenLosses(lm, ids);
    return sum(losses).mul(lm.device.full([], 1 / losses.size));
  }, parameters);
}

function compareNumber(what: string, actual: number, wanted: number, relative: number): Comparison {
  return { what, error: Math.abs(actual - wanted), tolerance: 1e-6 + relative * Math.abs(wanted) };
}

function lengthOf(values: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i] * values[i];
  return Math.sqrt(squares);
}
