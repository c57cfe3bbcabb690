import { distinct, below, IGNORED, type Task } from "./generated-batches.ts";

export interface AssociativeRecallOptions {
  readonly pairs: number;
  /** Different keys and different values. */
  readonly keys: number;
  readonly values: number;
}

/**
 * Multi-query associative recall (Arora et al. 2023, Zoology): pairs of a key and its value, then each key once more in
 * another order; the answer at a key is its value. Remembering all takes a state that grows with the pairs.
 *
 *     k2 v7 k5 v1 k9 v7 | k9 k2 k5
 *                       | v7 v7 v1
 */
export function associativeRecall({ pairs, keys, values }: AssociativeRecallOptions): Task {
  return {
    vocabSize: keys + values,
    time: 3 * pairs,
    example(random) {
      const ids = new Int32Array(3 * pairs);
      const labels = new Int32Array(3 * pairs).fill(IGNORED);
      const chosen = distinct(pairs, keys, random);
      const answers = chosen.map(() => keys + below(values, random));
      const asked = distinct(pairs, pairs, random);
      for (let i = 0; i < pairs; i++) {
        ids[2 * i] = chosen[i];
        ids[2 * i + 1] = answers[i];
        ids[2 * pairs + i] = chosen[asked[i]];
        labels[2 * pairs + i] = answers[asked[i]];
      }
      return { ids, labels };
    },
  };
}
