import type { ExperimentOptions } from "../runner/experiment.ts";
import { tellApart } from "../signals/tell-apart.ts";
import { spokenDigits } from "./digits.ts";

export const summary = "spoken digits sample by sample: recurrent layers against state-space models";

const counts = { small: { train: 1000, test: 200, time: 1024 }, large: { train: 10_000, test: 1000, time: 2048 } };

export const { parts, bySeed, run, report } = tellApart({
  sizes: {
    small: { dModel: 32, dState: 8, batch: 16, steps: 2000, lr: 4e-3, minutes: Infinity, seeds: 3 },
    large: { dModel: 128, dState: 64, batch: 32, steps: 5000, lr: 3e-3, minutes: 10, seeds: 3 },
  },
  open: speak,
});

async function speak({ preset, progress }: ExperimentOptions) {
  const { train, test, time } = counts[preset];
  progress(`  speaking ${train + test} digits`);
  return {
    train: await spokenDigits({ voices: "train", count: train, time, seed: 1 }),
    test: await spokenDigits({ voices: "test", count: test, time, seed: 2 }),
  };
}
