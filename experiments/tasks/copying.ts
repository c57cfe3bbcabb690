import { below, distinct, IGNORED, type Task } from "./generated-batches.ts";

export interface CopyingOptions {
  /** Steps of the input, before the answer. */
  readonly length: number;
  /** Tokens to remember. */
  readonly count: number;
  /** Different tokens among them. Default 14: with the blank and the mark 16, as in the paper. */
  readonly values?: number;
  /** Where the tokens stand: all at the beginning, or anywhere between blanks. */
  readonly spacing: "fixed" | "random";
}

/**
 * Copying (Arjovsky et al. 2016) and selective copying (Jing et al. 2019; Gu & Dao 2023, section 3.1): tokens among blanks,
 * then as many marks, at which the tokens are to be said again in their order. With fixed spacing each answer lies a fixed
 * number of steps after what it repeats, which a convolution can do; with random spacing only a look at the tokens tells.
 *
 *     3 1 2 . . . . . . ! ! !        . 3 . . 1 . . . 2 ! ! !
 *                       3 1 2                          3 1 2
 */
export function copying({ length, count, values = 14, spacing }: CopyingOptions): Task {
  const blank = values;
  const mark = values + 1;
  return {
    vocabSize: values + 2,
    time: length + count,
    example(random) {
      const ids = new Int32Array(length + count).fill(blank);
      const labels = new Int32Array(length + count).fill(IGNORED);
      const places = spacing === "fixed" ? Array.from({ length: count }, (_, i) => i) : distinct(count, length, random);
      places.sort((a, b) => a - b);
      places.forEach((place, i) => {
        ids[place] = below(values, random);
        ids[length + i] = mark;
        labels[length + i] = ids[place];
      });
      return { ids, labels };
    },
  };
}
