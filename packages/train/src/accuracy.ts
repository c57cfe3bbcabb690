import { argmax } from "@elapid/ops";
import type { Batch } from "./data.ts";
import { countOf, logitsOf, parameterOf, type NextTokenModel } from "./loss.ts";

/**
 * Share of the labels that the model finds likeliest, over several batches; places with label -100 do not count. NaN if
 * there is nothing to predict.
 *
 * ```ts
 * const share = await evaluateAccuracy(model, validation.inOrder());
 * ```
 */
export async function evaluateAccuracy(
  model: NextTokenModel,
  batches: Iterable<Batch>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  let right = 0;
  let count = 0;
  for (const batch of batches) {
    signal?.throwIfAborted();
    using _ = parameterOf(model).device.scope();
    const found = await argmax(logitsOf(model, batch, { states: false }).logits).data();
    batch.labels.forEach((label, i) => {
      if (label === found[i]) right++;
    });
    count += countOf(batch);
  }
  return right / count;
}
