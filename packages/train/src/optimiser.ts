import type { Tensor } from "@elapid/tensor";

/** Tensors by name, as `module.parameters()` gives them. */
export type NamedTensors = Iterable<readonly [name: string, tensor: Tensor]>;

export interface StepOptions {
  /** Learning rate of this step. */
  readonly lr: number;
  /** Multiplies every gradient, as clipping asks for. Default 1. */
  readonly gradientScale?: number | undefined;
}

/** Gives parameters new values from their gradients. */
export interface Optimiser extends Disposable {
  /** Steps taken. Set it when a run is resumed. */
  stepCount: number;
  /** The parameters that it updates. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Everything that it carries from step to step, by name: `m.layers.0.norm.weight`. */
  readonly state: ReadonlyMap<string, Tensor>;
  /**
   * Takes one step. Gradients are read and stay the caller's.
   *
   * @throws TypeError if the gradient of a parameter is missing.
   */
  step(gradients: Readonly<Record<string, Tensor>>, options: StepOptions): void;
  /** Frees what it carries; parameters stay. */
  dispose(): void;
}

/** Settings for some of the parameters. */
export type ParameterGroup<Settings> = Partial<Settings> & {
  /** Which parameters; the first group that has one counts. */
  readonly has: (name: string, parameter: Tensor) => boolean;
};

/** The settings of each parameter: those of the first group that has it over those for all. */
export function settingsByName<Settings>(
  parameters: ReadonlyMap<string, Tensor>,
  settings: Settings,
  groups: readonly ParameterGroup<Settings>[],
): ReadonlyMap<string, Settings> {
  const of = (name: string, parameter: Tensor): Settings => {
    const { has: _, ...own } = groups.find(({ has }) => has(name, parameter)) ?? { has: undefined };
    return { ...settings, ...own };
  };
  return new Map([...parameters].map(([name, parameter]) => [name, of(name, parameter)]));
}

/** What makes up the systems of Mamba, S4D and S4, by the names of their fields. */
const SYSTEM = ["deltaBias", "logA", "D", "logDt", "logAReal", "AImag", "P", "B"];

/**
 * Whether a parameter is left out of weight decay, as is usual for Mamba and S4D: biases, norms, and of their systems `A`, `D` and
 * the step size, as the official codes do.
 */
export function isUndecayed(name: string): boolean {
  const path = name.split(".");
  const last = path[path.length - 1];
  return last === "bias" || SYSTEM.includes(last) || path.some((segment) => /^norm(F|\d*)$/.test(segment));
}

/** The gradient of a parameter. */
export function gradientOf(gradients: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const gradient = gradients[name];
  if (gradient === undefined) throw new TypeError(`Cannot take a step: the gradient of "${name}" is missing`);
  return gradient;
}

/** Tensors of zeros, one beside each parameter. */
export function zerosLike(parameters: ReadonlyMap<string, Tensor>, prefix: string): [string, Tensor][] {
  return [...parameters].map(([name, { device, shape }]) => [`${prefix}.${name}`, device.zeros(shape)]);
}

/** A number that must not be negative. */
export function requireNonNegative(owner: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(value >= 0 && value < Infinity)) {
      throw new RangeError(`Cannot make ${owner}: ${name} is ${value} but a number from 0 on was needed`);
    }
  }
}

/** A share of the past that is kept from step to step. */
export function requireShare(owner: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(value >= 0 && value < 1)) {
      throw new RangeError(`Cannot make ${owner}: ${name} is ${value} but a number from 0 to below 1 was needed`);
    }
  }
}
