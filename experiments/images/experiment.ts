import { existsSync } from "node:fs";
import type { ExperimentOptions } from "../runner/experiment.ts";
import { tellApart } from "../signals/tell-apart.ts";
import { readImages } from "./idx.ts";

export const summary = "images of clothes pixel by pixel (Fashion-MNIST): recurrent layers against state-space models";

/** Where Debian's package `dataset-fashion-mnist` puts the files. */
const FOLDER = "/usr/share/datasets/fashion-mnist";
const counts = { small: { train: 60_000, test: 500 }, large: { train: 60_000, test: 10_000 } };

export const { parts, bySeed, run, report } = tellApart({
  sizes: {
    small: { dModel: 32, dState: 8, batch: 16, steps: 2000, lr: 4e-3, minutes: Infinity, seeds: 3 },
    large: { dModel: 128, dState: 64, batch: 50, steps: 12_000, lr: 3e-3, minutes: 60, seeds: 3 },
  },
  open: look,
});

async function look({ preset, data = FOLDER }: ExperimentOptions) {
  const { train, test } = counts[preset];
  if (!existsSync(data)) {
    throw new Error(
      `Cannot read images: there is no folder "${data}"; name one with the IDX files of Fashion-MNIST by --data, or install Debian's package dataset-fashion-mnist`,
    );
  }
  return { train: await readImages(data, "train", train), test: await readImages(data, "t10k", test) };
}
