import { below, IGNORED, type Task } from "./generated-batches.ts";

/**
 * Induction heads (Olsson et al. 2022; Gu & Dao 2023, section 4.1.2): among random tokens a mark stands once, and once more
 * at the end; the answer there is the token that followed the mark the first time.
 *
 *     4 7 1 ! 6 2 2 5 !
 *                     6
 */
export function inductionHeads({ length, values = 15 }: { readonly length: number; readonly values?: number }): Task {
  const mark = values;
  return {
    vocabSize: values + 1,
    time: length,
    example(random) {
      const ids = Int32Array.from({ length }, () => below(values, random));
      const labels = new Int32Array(length).fill(IGNORED);
      const place = below(length - 2, random);
      ids[place] = mark;
      ids[length - 1] = mark;
      labels[length - 1] = ids[place + 1];
      return { ids, labels };
    },
  };
}
