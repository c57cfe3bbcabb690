import { generateTokens, resolveOptions, type LanguageModel, type LayerState, type State } from "@elapid/models";
import { concat, type Tensor } from "@elapid/tensor";
import { difference } from "../close.ts";
import { nearestTurn } from "../recipe.ts";
import type { Values } from "../safetensors.ts";
import { compareGradients, tokenLosses } from "./checkpoint-gradients.ts";
import type { Comparison } from "./report.ts";
import { checkAdamW, type AdamWRun } from "./training.ts";

/** What a checkpoint's folder says that its model does. */
export interface Expected {
  readonly tensors: ReadonlyMap<string, Values>;
  readonly json: {
    readonly float32_vs_float64_max_abs: Readonly<Record<string, number | string>>;
    readonly padding?: { readonly max_abs_difference_from_unpadded: number };
    readonly greedy?: { readonly new_tokens: readonly number[] };
    readonly grad_norms?: Readonly<Record<string, number>>;
    readonly adamw?: AdamWRun;
  };
}

type Aspect = (lm: LanguageModel, expected: Expected) => Promise<Comparison[]>;

/** What is checked of a model, by the name that its ids end with. */
export const aspects: Readonly<Record<string, Aspect>> = {
  logits: checkLogits,
  hidden: checkHidden,
  padded: checkPadded,
  loss: checkLoss,
  greedy: checkGreedy,
  state: checkState,
  gradients: (lm, expected) =>
    compareGradients(lm, rowsOf(expected, "input_ids"), expected.json.grad_norms ?? {}, expected.tensors),
  adamw: async (lm, expected) => {
    const { adamw } = expected.json;
    if (adamw === undefined) throw new SyntaxError('Cannot check: expected.json lacks "adamw"');
    return checkAdamW(lm, { run: adamw, ids: rowsOf(expected, "adamw.input_ids"), tensors: expected.tensors });
  },
};

async function checkLogits(lm: LanguageModel, expected: Expected): Promise<Comparison[]> {
  const { logits, state } = lm.forward(rowsOf(expected, "input_ids"));
  state.dispose();
  return [compareWith(expected, "logits", await take(logits), valuesOf(expected, "logits"))];
}

async function checkHidden(lm: LanguageModel, expected: Expected): Promise<Comparison[]> {
  const hidden = new Map<string, Tensor>();
  const { logits, state } = lm.forward(rowsOf(expected, "input_ids"), {
    onHidden: (name, tensor) => hidden.set(name, tensor),
  });
  logits.dispose();
  state.dispose();
  const comparisons: Comparison[] = [];
  for (const [name, values] of expected.tensors) {
    if (!name.startsWith("hidden.")) continue;
    const tensor = hidden.get(name.slice("hidden.".length));
    const actual = tensor === undefined ? [] : await tensor.data();
    comparisons.push(compareWith(expected, name, actual, values));
  }
  for (const tensor of hidden.values()) tensor.dispose();
  return comparisons;
}

/** The tree compares the second, padded row where its mask is 1; beside that, padding must not be felt at all. */
async function checkPadded(lm: LanguageModel, expected: Expected): Promise<Comparison[]> {
  const ids = rowsOf(expected, "padded.input_ids");
  const mask = rowsOf(expected, "padded.attention_mask");
  const wanted = valuesOf(expected, "padded.logits");
  const kept = mask[1].flatMap((keep, t) => (keep === 1 ? [t] : []));
  const [, time, vocab] = wanted.shape;
  const rowAt = (data: ArrayLike<number>, rows: readonly number[]) =>
    Float32Array.from(rows.flatMap((row) => Array.from({ length: vocab }, (_, i) => data[row * vocab + i])));

  const padded = lm.forward(ids, { mask });
  padded.state.dispose();
  const actual = rowAt(
    await take(padded.logits),
    kept.map((t) => time + t),
  );
  const alone = lm.forward([kept.map((t) => ids[1][t])]);
  alone.state.dispose();
  // given with three digits, so it may be half a unit of the third larger
  const leak = 1.005 * (expected.json.padding?.max_abs_difference_from_unpadded ?? 0);
  return [
    compareWith(expected, "logits", actual, { shape: wanted.shape, data: rowAt(wanted.data, kept) }, leak),
    compareWith(expected, "logits", actual, { shape: wanted.shape, data: await take(alone.logits) }),
  ];
}

async function checkLoss(lm: LanguageModel, expected: Expected): Promise<Comparison[]> {
  const ids = rowsOf(expected, "input_ids");
  const losses = tokenLosses(lm, ids);
  const data = await take(losses);
  const mean = [...data].reduce((sum, loss) => sum + loss, 0) / data.length;
  const wanted = valuesOf(expected, "loss").data[0];
  return [{ what: "loss", error: Math.abs(mean - wanted), tolerance: 1e-4 * Math.abs(wanted) }];
}

/** The tokens exactly, as `generate` finds them, and the logits of every step, the state carried on. */
async function checkGreedy(lm: LanguageModel, expected: Expected): Promise<Comparison[]> {
  const [prompt] = rowsOf(expected, "greedy.prompt");
  const [ids] = rowsOf(expected, "greedy.ids");
  const wanted = valuesOf(expected, "greedy.logits");
  const [, steps, vocab] = wanted.shape;
  const comparisons = [await compareGreedy(lm, prompt, ids.slice(prompt.length))];

  let { logits, state } = lm.forward([prompt], { logits: "last" });
  for (let step = 0; step < steps; step++) {
    const row = wanted.data.subarray(step * vocab, (step + 1) * vocab);
    comparisons.push({
      ...compareWith(expected, "logits", await take(logits), { shape: [vocab], data: row }),
      what: `logits of greedy step ${step}`,
    });
    const before: State = state;
    ({ logits, state } = lm.forward([[ids[prompt.length + step]]], { state: before }));
    before.dispose();
  }
  logits.dispose();
  state.dispose();
  return comparisons;
}

/** Whether greedy generation gives exactly these tokens; the error counts those that differ. */
export async function compareGreedy(
  lm: LanguageModel,
  prompt: readonly number[],
  wanted: readonly number[],
): Promise<Comparison> {
  const options = resolveOptions({ temperature: 0, maxTokens: wanted.length });
  const actual: number[] = [];
  for await (const { id } of generateTokens(lm.model, lm.device, [prompt], options, () => false)) actual.push(id);
  const wrong = wanted.flatMap((id, i) => (id === actual[i] ? [] : [i]));
  const what =
    wrong.length === 0 ? "tokens" : `token ${wrong[0]} is ${actual[wrong[0]]} but ${wanted[wrong[0]]} was expected`;
  return { what, error: wrong.length, tolerance: 0 };
}

async function checkState(lm: LanguageModel, expected: Expected): Promise<Comparison[]> {
  const [prompt] = rowsOf(expected, "greedy.prompt");
  const stateAfter = (ids: readonly number[]) => {
    const { logits, state } = lm.forward([ids], { logits: "last" });
    logits.dispose();
    return state;
  };
  const before = stateAfter(prompt.slice(0, -1));
  const after = stateAfter(prompt);
  const comparisons: Comparison[] = [];
  for (const [name, values] of expected.tensors) {
    const [kind, what, layer] = name.split(".");
    if (kind !== "state") continue;
    const read = stateReaders[what];
    const at = Number(layer);
    const data =
      read === undefined ? [] : await read({ before: before.layers[at], now: after.layers[at], at, lm, values });
    comparisons.push({ ...compareWith(expected, `hidden.layer.${layer}`, data, values), what: name });
  }
  before.dispose();
  after.dispose();
  return comparisons;
}

interface StateOfLayer {
  readonly before: LayerState;
  readonly now: LayerState;
  /** Number of the layer. */
  readonly at: number;
  readonly lm: LanguageModel;
  /** What is expected of it. */
  readonly values: Values;
}

/** What the tree keeps of a layer, by its name there. */
const stateReaders: Readonly<Record<string, (state: StateOfLayer) => Promise<Float32Array>>> = {
  // the tree keeps one input more than the next step needs: the oldest of the step before
  conv: ({ before, now }) => take(joinWindows(before.conv, now.conv)),
  recurrent: ({ now }) => take(now.ssm.share()),
  angle: async ({ now, values }) => nearestTurn(await take(now.angle.share()), values.data),
  k: async ({ now }) => {
    const [batch, heads, rank, state] = now.B.shape;
    const B = await take(now.B.share());
    const byRank = (i: number) => {
      const [b, r, head] = [
        Math.floor(i / (heads * rank * state)),
        Math.floor(i / (heads * state)) % rank,
        Math.floor(i / state) % heads,
      ];
      return B[((b * heads + head) * rank + r) * state + (i % state)];
    };
    return Float32Array.from({ length: batch * rank * heads * state }, (_, i) => byRank(i));
  },
  // kept there before its projection to ranks
  v: async ({ now, at, lm }) => {
    const [batch, heads, rank, headDim] = now.x.shape;
    const path = `backbone.layers.${at}.mixer.mimoX`;
    const projection = [...lm.model.parameters()].find(([name]) => name === path)?.[1];
    const by = (await projection?.data()) ?? new Float32Array(heads * rank * headDim).fill(1);
    const x = await take(now.x.share());
    const first = (i: number) => Math.floor(i / headDim) * rank * headDim + (i % headDim);
    return Float32Array.from({ length: batch * heads * headDim }, (_, i) => x[first(i)] / by[first(i) % by.length]);
  },
};

/** Two windows of `width - 1` inputs, one step apart, as one of `width`. */
function joinWindows(before: Tensor, after: Tensor): Tensor {
  using scope = after.device.scope();
  return scope.keep(concat([before.slice(2, 0, 1), after], 2));
}

/** Within 3e-5 of the peak and four times what the reference itself loses in float32, as the tree's README advises. */
function compareWith(
  expected: Expected,
  name: string,
  actual: ArrayLike<number>,
  values: Values,
  more = 0,
): Comparison {
  const lost = Number(expected.json.float32_vs_float64_max_abs[name] ?? 0);
  return { what: name, ...difference(actual, values.data, { relative: 3e-5, absolute: 4 * lost + more }) };
}

function valuesOf({ tensors }: Expected, name: string): Values {
  const values = tensors.get(name);
  if (values === undefined) throw new SyntaxError(`Cannot check: expected.safetensors lacks "${name}"`);
  return values;
}

function rowsOf(expected: Expected, name: string): number[][] {
  const { shape, data } = valuesOf(expected, name);
  return Array.from({ length: shape[0] }, (_, row) => [...data.subarray(row * shape[1], (row + 1) * shape[1])]);
}

/** Reads a tensor and frees it. */
async function take(tensor: Tensor): Promise<Float32Array> {
  const data = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return data;
}
