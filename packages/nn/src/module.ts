import { dispose, Tensor } from "@elapid/tensor";

/**
 * A layer or a model. Its parameters are its fields: tensors, modules, and arrays and records of them,
 * in the order in which they are declared. There is nothing to register.
 *
 * ```ts
 * class Twice extends Module {
 *   readonly first: Linear;
 *   readonly second: Linear;
 *   constructor(init: Init) {
 *     super();
 *     this.first = new Linear(8, 8, init);
 *     this.second = new Linear(8, 8, init);
 *   }
 *   forward = (x: Tensor): Tensor => this.second.forward(this.first.forward(x));
 * }
 * [...new Twice(init).parameters()].map(([path]) => path); // ["first.weight", "second.weight"]
 * ```
 */
export abstract class Module {
  /** What is computed from parameters alone and kept; private, so that it is not taken for a parameter. */
  readonly #derived: Tensor[] = [];

  /** Every parameter with its path, `layers.0.mixer.inProj.weight`. A shared tensor comes once, where it is met first. */
  *parameters(): Generator<readonly [path: string, parameter: Tensor]> {
    const seen = new Set<Tensor>();
    for (const [path, value] of walk(this, "")) {
      if (!(value instanceof Tensor) || seen.has(value)) continue;
      seen.add(value);
      yield [path, value];
    }
  }

  /** Every module in it with its path, `layers.0.mixer.inProj`. */
  *modules(): Generator<readonly [path: string, module: Module]> {
    for (const [path, value] of walk(this, "")) if (value instanceof Module && value !== this) yield [path, value];
  }

  /** Frees the parameters and what was derived from them. */
  dispose(): void {
    for (const [, value] of walk(this, "")) {
      if (value instanceof Tensor) value.dispose();
      else for (const tensor of value.#derived) tensor.dispose();
    }
  }

  [dispose](): void {
    this.dispose();
  }

  /** Keeps a tensor for as long as the module lives. */
  protected keepDerived(tensor: Tensor): Tensor {
    this.#derived.push(tensor);
    return tensor;
  }
}

function* walk(value: unknown, path: string): Generator<readonly [string, Tensor | Module]> {
  if (value instanceof Tensor) yield [path, value];
  else if (value instanceof Module) {
    yield [path, value];
    yield* walkFields(value, path);
  } else if (Array.isArray(value) || (typeof value === "object" && value?.constructor === Object)) {
    yield* walkFields(value, path);
  }
}

function* walkFields(holder: object, path: string): Generator<readonly [string, Tensor | Module]> {
  for (const [name, field] of Object.entries(holder)) yield* walk(field, path === "" ? name : `${path}.${name}`);
}
