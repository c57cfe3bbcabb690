import { architectureOf, checkpointName, type LanguageModel } from "@elapid/models";
import { sum, valueAndGrad, type Tensor } from "@elapid/tensor";
import { AdamW, clipScale, globalNorm } from "@elapid/train";
import { difference } from "../close.ts";
import type { Values } from "../safetensors.ts";
import { tokenLosses } from "./checkpoint-gradients.ts";
import type { Comparison } from "./report.ts";

/** How far losses and gradient norms may be off by the last step: rounding grows from step to step, as the tree's README says. */
const RELATIVE = 1e-3;
/** The same for a parameter after the run, of its peak or length. */
const PARAMETER = 1e-4;

/** What `expected.json` says of a run of AdamW. */
export interface AdamWRun {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weight_decay: number;
  readonly clip_norm: number;
  readonly steps: number;
  /** Before each step, and after the last. */
  readonly losses: readonly number[];
  readonly grad_norms_before_clip: readonly number[];
  readonly parameters_after: Readonly<
    Record<string, { readonly sum: number; readonly l2: number; readonly abs_max: number }>
  >;
}

export interface ExpectedTraining {
  readonly run: AdamWRun;
  readonly ids: readonly (readonly number[])[];
  /** `adamw.param.<parameter>`, for small parameters. */
  readonly tensors: ReadonlyMap<string, Values>;
}

/**
 * Trains the model as the reference did, and compares losses, gradient norms and parameters. The model is changed.
 */
export async function checkAdamW(lm: LanguageModel, { run, ids, tensors }: ExpectedTraining): Promise<Comparison[]> {
  const { names } = await architectureOf(lm.modelType, "config.json");
  const parameters = new Map([...lm.model.parameters()].map(([path, tensor]) => [checkpointName(path, names), tensor]));
  const [beta1, beta2] = run.betas;
  const { eps, weight_decay: weightDecay } = run;
  const optimiser = new AdamW(parameters, { beta1, beta2, eps, weightDecay, groups: [] });
  const loss = () => {
    const losses = tokenLosses(lm, ids);
    return sum(losses).mul(lm.device.full([], 1 / losses.size));
  };

  const comparisons: Comparison[] = [];
  const compare = (what: string, actual: number, wanted: number) =>
    comparisons.push({ what, error: Math.abs(actual - wanted), tolerance: RELATIVE * Math.abs(wanted) });
  for (let step = 0; step <= run.steps; step++) {
    const { value, gradients } = valueAndGrad(loss, Object.fromEntries(parameters));
    compare(`loss before step ${step}`, (await value.data())[0], run.losses[step]);
    if (step < run.steps) {
      const norm = await globalNorm(gradients);
      compare(`gradient norm of step ${step}`, norm, run.grad_norms_before_clip[step]);
      optimiser.step(gradients, { lr: run.lr, gradientScale: clipScale(norm, run.clip_norm) });
    }
    for (const tensor of [value, ...Object.values<Tensor>(gradients)]) tensor.dispose();
  }
  optimiser.dispose();

  for (const [name, wanted] of Object.entries(run.parameters_after)) {
    const actual = (await parameters.get(name)?.data()) ?? new Float32Array();
    const sums = [[...actual].reduce((sum, x) => sum + x, 0), Math.hypot(...actual), Math.max(...actual.map(Math.abs))];
    [wanted.sum, wanted.l2, wanted.abs_max].forEach((sum, i) => {
      const what = `${["sum", "length", "peak"][i]} of ${name} after the run`;
      comparisons.push({ what, error: Math.abs(sums[i] - sum), tolerance: PARAMETER * wanted.l2 });
    });
    const values = tensors.get(`adamw.param.${name}`);
    if (values === undefined) continue;
    comparisons.push({ what: `${name} after the run`, ...difference(actual, values.data, { relative: PARAMETER }) });
  }
  return comparisons;
}
