import type { Experiment } from "./runner/experiment.ts";

/** Every experiment; a new one is a line here. */
export const experiments: Readonly<Record<string, () => Promise<Experiment>>> = {
  ablations: () => import("./ablations/experiment.ts"),
  "cost-of-attention": () => import("./cost-of-attention/experiment.ts"),
  "hardware-aware": () => import("./hardware-aware/experiment.ts"),
  "hippo-memory": () => import("./hippo-memory/experiment.ts"),
  images: () => import("./images/experiment.ts"),
  "induction-heads": () => import("./induction-heads/experiment.ts"),
  "not-text": () => import("./not-text/experiment.ts"),
  "parallel-scan": () => import("./parallel-scan/experiment.ts"),
  "parallel-training": () => import("./parallel-training/experiment.ts"),
  selection: () => import("./selection/experiment.ts"),
  transformers: () => import("./transformers/experiment.ts"),
};
