import { isPlain } from "./dtype.ts";
import { formatShape } from "./shape.ts";
import { Gradients, Tape } from "./tape.ts";
import { Tensor, tensorsIn } from "./tensor.ts";

/**
 * Runs `fn` and gives the one number that it returns, with its gradient by each of `parameters`.
 *
 * ```ts
 * const { value, gradients } = valueAndGrad(() => loss(model.forward(ids)), { weight });
 * ```
 *
 * Gradients have the shapes of their parameters; one that the value does not depend on is zero. `fn` may also give the
 * number as `value` and `beside` it tensors, as plain objects and arrays, that are to live on: a state for the next step.
 *
 * @throws TypeError if the result is not one number, or an op on the way has no gradient.
 */
export function valueAndGrad<const K extends string, B = undefined>(
  fn: () => Tensor | { readonly value: Tensor; readonly beside: B },
  parameters: Readonly<Record<K, Tensor>>,
): { readonly value: Tensor; readonly gradients: Readonly<Record<K, Tensor>>; readonly beside: B } {
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
  using tape = new Tape(device, followed);
  let result: ReturnType<typeof fn>;
  device.tape = tape;
  try {
    result = fn();
  } finally {
    device.tape = undefined;
  }
  const value = result instanceof Tensor ? result : result.value;
  if (value.size !== 1) {
    throw new TypeError(
      `Cannot differentiate: the result has shape ${formatShape(value.shape)} but one number was needed`,
    );
  }
  using grads = new Gradients();
  grads.add(value, device.full(value.shape, 1));
  tape.backward(grads);
  const gradients = {} as Record<K, Tensor>;
  names.forEach((name, i) => {
    gradients[name] = scope.keep(grads.of(followed[i])?.share() ?? device.zeros(followed[i].shape));
  });
  const beside = (result instanceof Tensor ? undefined : result.beside) as B;
  for (const tensor of tensorsIn(beside)) scope.keep(tensor);
  return { value: scope.keep(value.share()), gradients, beside };
}

/**
 * Runs `fn`, and in a gradient runs it a second time on the way back, so that what it computes in between need not be kept:
 * only `inputs` are. The gradients are the same, bit for bit. Parameters may be used without being among the inputs; any
 * other tensor that a gradient depends on must be.
 *
 * ```ts
 * const { y } = recompute(({ x }) => block.forward(x), { x });
 * ```
 *
 * Outside of `valueAndGrad` it only runs `fn`.
 */
export function recompute<
  const I extends Readonly<Record<string, Tensor | undefined>>,
  const O extends Readonly<Record<string, Tensor>>,
>(fn: (inputs: I) => O, inputs: I): O {
  const { tape } = Object.values(inputs).find((input) => input !== undefined)?.device ?? {};
  return tape === undefined ? fn(inputs) : tape.recordPart(fn, inputs);
}
