import { AdamW, Lion, Muon, Sgd, type NamedTensors, type Optimiser } from "@elapid/train";

const optimisers = {
  adamw: AdamW,
  muon: Muon,
  lion: Lion,
  sgd: Sgd,
} satisfies Readonly<Record<string, new (parameters: NamedTensors, options: { weightDecay: number }) => Optimiser>>;

export type OptimiserKind = keyof typeof optimisers;

export const optimiserKinds = Object.keys(optimisers) as OptimiserKind[];

export function makeOptimiser(kind: OptimiserKind, parameters: NamedTensors, weightDecay: number): Optimiser {
  return new optimisers[kind](parameters, { weightDecay });
}
