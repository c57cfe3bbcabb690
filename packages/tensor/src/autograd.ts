import { dispose } from "./dispose.ts";
import { isPlain } from "./dtype.ts";
import type { AnyOp, Attributes } from "./op.ts";
import { formatShape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** One step of the forward pass, as the backward pass will need it. Tensors are known by identity; values are held apart. */
interface Entry {
  readonly outputs: readonly Tensor[];
  /** Hands back the gradient by each input that is followed, given those by the outputs. */
  readonly backward: (grads: readonly (Tensor | undefined)[]) => readonly (readonly [input: Tensor, grad: Tensor])[];
}

/**
 * Notes every op that depends on the followed tensors, and holds the values that gradients will ask for,
 * whatever scopes end in between.
 */
export class Tape {
  readonly #followed: Set<Tensor>;
  readonly #entries: Entry[] = [];
  readonly #held: Tensor[] = [];

  constructor(followed: Iterable<Tensor>) {
    this.#followed = new Set(followed);
  }

  recordOp(
    op: AnyOp,
    inputs: Readonly<Record<string, Tensor | undefined>>,
    outputs: Readonly<Record<string, Tensor>>,
    attributes: Attributes,
  ): void {
    if (!Object.values(inputs).some((tensor) => tensor !== undefined && this.#followed.has(tensor))) return;
    const { name, gradient } = op;
    if (gradient === undefined) throw new TypeError(`Cannot differentiate through "${name}": it has no gradient`);
    for (const output of Object.values(outputs)) this.#followed.add(output);
    const call = { inputs: this.#hold(inputs), outputs: this.#hold(outputs), attributes };
    this.#entries.push({
      outputs: Object.values(outputs),
      backward: (list) => {
        const grads = Object.fromEntries(Object.keys(outputs).map((key, i) => [key, list[i]]));
        const back = gradient({ ...call, grads } as never);
        return Object.entries(back).flatMap(([key, grad]) => {
          const input = inputs[key];
          return input !== undefined && grad !== undefined && this.#followed.has(input) ? [[input, grad] as const] : [];
        });
      },
    });
  }

  /** A tensor of the same values under another shape. */
  recordReshape(from: Tensor, to: Tensor): void {
    if (!this.#followed.has(from)) return;
    this.#followed.add(to);
    const { shape } = from;
    this.#entries.push({
      outputs: [to],
      backward: ([grad]) => (grad === undefined ? [] : [[from, grad.reshape(shape)]]),
    });
  }

  /** Walks back from `root`; gives the gradient of its only number by each of `wanted`, or none where it does not depend on it. */
  backward(root: Tensor, wanted: readonly Tensor[]): (Tensor | undefined)[] {
    const grads = new Map<Tensor, Tensor>([[root, root.device.full(root.shape, 1)]]);
    for (const { outputs, backward } of this.#entries.toReversed()) {
      const given = outputs.map((output) => grads.get(output));
      if (given.every((grad) => grad === undefined)) continue;
      for (const [input, grad] of backward(given)) {
        const sum = grads.get(input);
        grads.set(input, sum === undefined ? grad : sum.add(grad));
      }
    }
    return wanted.map((tensor) => grads.get(tensor));
  }

  [dispose](): void {
    for (const tensor of this.#held) tensor.dispose();
  }

  #hold(tensors: Readonly<Record<string, Tensor | undefined>>): Record<string, Tensor | undefined> {
    const held: Record<string, Tensor | undefined> = {};
    for (const [name, tensor] of Object.entries(tensors)) {
      if (tensor === undefined) continue;
      held[name] = tensor.hold();
      this.#held.push(held[name]);
    }
    return held;
  }
}

/**
 * Runs `fn` and gives the one number that it returns, with its gradient by each of `parameters`.
 *
 * ```ts
 * const { value, gradients } = valueAndGrad(() => loss(model.forward(ids)), { weight });
 * ```
 *
 * Gradients have the shapes of their parameters; one that the value does not depend on is zero.
 *
 * @throws TypeError if the result is not one number, or an op on the way has no gradient.
 */
export function valueAndGrad<const K extends string>(
  fn: () => Tensor,
  parameters: Readonly<Record<K, Tensor>>,
): { readonly value: Tensor; readonly gradients: Readonly<Record<K, Tensor>> } {
  const names = Object.keys(parameters) as K[];
  const followed = names.map((name) => parameters[name]);
  if (followed.length === 0) throw new TypeError("Cannot differentiate: no parameters were given");
  const { device } = followed[0];
  for (const name of names) {
    const { dtype } = parameters[name];
    if (!isPlain(dtype)) {
      throw new TypeError(`Cannot differentiate: parameter "${name}" is ${dtype}; only f32 weights have a gradient`);
    }
  }
  if (device.tape !== undefined)
    throw new TypeError("Cannot differentiate: another valueAndGrad is running on this device");
  using scope = device.scope();
  using tape = new Tape(followed);
  let value: Tensor;
  device.tape = tape;
  try {
    value = fn();
  } finally {
    device.tape = undefined;
  }
  if (value.size !== 1) {
    throw new TypeError(
      `Cannot differentiate: the result has shape ${formatShape(value.shape)} but one number was needed`,
    );
  }
  const grads = tape.backward(value, followed);
  const gradients = {} as Record<K, Tensor>;
  names.forEach((name, i) => {
    gradients[name] = scope.keep(grads[i]?.share() ?? device.zeros(followed[i].shape));
  });
  return { value: scope.keep(value.share()), gradients };
}
