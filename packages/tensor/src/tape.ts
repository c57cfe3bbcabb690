import { dispose } from "./dispose.ts";
import type { Device } from "./device.ts";
import { concat } from "./elementary/concat.ts";
import type { AnyOp, Attributes } from "./op.ts";
import type { Tensor } from "./tensor.ts";

type Tensors = Readonly<Record<string, Tensor | undefined>>;

/** One step of the forward pass, as the backward pass will need it. Tensors are known by identity; values are held apart. */
interface Entry {
  readonly outputs: readonly Tensor[];
  readonly held: readonly Tensor[];
  /** Adds to the gradient of each input that is followed. Runs only if an output has a gradient. */
  readonly backward: (gradients: Gradients) => void;
}

/** The sums of gradients on the way back. They belong to no scope: each lives until the walk has passed its tensor. */
export class Gradients {
  readonly #sums = new Map<Tensor, Tensor>();
  /** Stand-ins, and whom they stand for. */
  readonly #originals = new Map<Tensor, Tensor>();

  of(tensor: Tensor): Tensor | undefined {
    return this.#sums.get(tensor);
  }

  add(tensor: Tensor, gradient: Tensor): void {
    const target = this.#originals.get(tensor) ?? tensor;
    const sum = this.#sums.get(target);
    this.#sums.set(target, (sum === undefined ? gradient : sum.add(gradient)).hold());
    sum?.dispose();
  }

  drop(tensor: Tensor): void {
    this.#sums.get(tensor)?.dispose();
    this.#sums.delete(tensor);
  }

  /** From now on what is added to `standIn` goes to `original`. */
  redirect(standIn: Tensor, original: Tensor): void {
    this.#originals.set(standIn, this.#originals.get(original) ?? original);
  }

  [dispose](): void {
    for (const sum of this.#sums.values()) sum.dispose();
  }
}

/**
 * Notes every op that depends on the followed tensors, and holds the values that gradients will ask for,
 * whatever scopes end in between.
 */
export class Tape {
  readonly #device: Device;
  readonly #followed: Set<Tensor>;
  /** The tape around a part that is computed again; it is asked too what is followed. */
  readonly #outer: Tape | undefined;
  /** Without entries it only finds out what depends on what. */
  readonly #entries: Entry[] | undefined;

  constructor(
    device: Device,
    followed: Iterable<Tensor>,
    { outer, records = true }: { outer?: Tape; records?: boolean } = {},
  ) {
    this.#device = device;
    this.#followed = new Set(followed);
    this.#outer = outer;
    this.#entries = records ? [] : undefined;
  }

  follows(tensor: Tensor): boolean {
    return this.#followed.has(tensor) || this.#outer?.follows(tensor) === true;
  }

  recordOp(op: AnyOp, inputs: Tensors, outputs: Readonly<Record<string, Tensor>>, attributes: Attributes): void {
    if (!Object.values(inputs).some((tensor) => tensor !== undefined && this.follows(tensor))) return;
    const { name, gradient } = op;
    if (gradient === undefined) throw new TypeError(`Cannot differentiate through "${name}": it has no gradient`);
    for (const output of Object.values(outputs)) this.#followed.add(output);
    if (this.#entries === undefined) return;
    const isKept = (key: string) => op.keeps === undefined || op.keeps.includes(key);
    const kept = { inputs: holdAll(inputs, isKept), outputs: holdAll(outputs, isKept) };
    // of the others, which may be gone by then, a gradient asks the shape
    const call = { inputs: { ...inputs, ...kept.inputs }, outputs: { ...outputs, ...kept.outputs }, attributes };
    this.#entries.push({
      outputs: Object.values(outputs),
      held: present([...Object.values(kept.inputs), ...Object.values(kept.outputs)]),
      backward: (gradients) => {
        const grads = Object.fromEntries(Object.entries(outputs).map(([key, output]) => [key, gradients.of(output)]));
        const isFollowed = (key: string) => inputs[key] !== undefined && this.follows(inputs[key]);
        const wanted = new Set(Object.keys(inputs).filter(isFollowed));
        for (const [key, grad] of Object.entries(gradient({ ...call, grads, wanted } as never))) {
          if (grad !== undefined && wanted.has(key)) gradients.add(inputs[key]!, grad);
        }
      },
    });
  }

  /** A tensor of the same values under another shape. */
  recordReshape(from: Tensor, to: Tensor): void {
    if (!this.follows(from)) return;
    this.#followed.add(to);
    const { shape } = from;
    this.#entries?.push({
      outputs: [to],
      held: [],
      backward: (gradients) => gradients.add(from, gradients.of(to)!.reshape(shape)),
    });
  }

  /** All the parts of a tensor along a dimension, in order. */
  recordSplit(from: Tensor, parts: readonly Tensor[], axis: number): void {
    if (!this.follows(from)) return;
    for (const part of parts) this.#followed.add(part);
    this.#entries?.push({
      outputs: parts,
      held: [],
      backward: (gradients) => {
        const grads = parts.map((part) => gradients.of(part) ?? this.#device.zeros(part.shape));
        gradients.add(from, concat(grads, axis));
      },
    });
  }

  /** Runs `fn` and notes only what went into it; see `recompute`. */
  recordPart<I extends Tensors, O extends Readonly<Record<string, Tensor>>>(fn: (inputs: I) => O, inputs: I): O {
    const scout = new Tape(this.#device, [], { outer: this, records: false });
    const outputs = scout.#run(() => fn(inputs));
    const followed = Object.entries(outputs).filter(([, output]) => scout.follows(output));
    for (const [, output] of followed) this.#followed.add(output);
    if (followed.length === 0 || this.#entries === undefined) return outputs;
    const held = holdAll(inputs);
    this.#entries.push({
      outputs: followed.map(([, output]) => output),
      held: present(Object.values(held)),
      backward: (gradients) => {
        const standIns = Object.entries(held).filter(([name]) => this.follows(inputs[name]!));
        const part = new Tape(
          this.#device,
          standIns.map(([, standIn]) => standIn),
          { outer: this },
        );
        using _ = part;
        const again = part.#run(() => fn(held as I));
        for (const [name, standIn] of standIns) gradients.redirect(standIn, inputs[name]!);
        for (const [name, output] of followed) {
          const gradient = gradients.of(output);
          if (gradient !== undefined) gradients.add(again[name], gradient);
        }
        part.backward(gradients);
      },
    });
    return outputs;
  }

  /** Walks back over the entries; their values and the gradients between them are freed on the way. */
  backward(gradients: Gradients): void {
    for (let entry = this.#entries?.pop(); entry !== undefined; entry = this.#entries?.pop()) {
      const { outputs, held, backward } = entry;
      try {
        using _ = this.#device.scope();
        if (outputs.some((output) => gradients.of(output) !== undefined)) backward(gradients);
      } finally {
        for (const output of outputs) gradients.drop(output);
        for (const tensor of held) tensor.dispose();
      }
    }
  }

  [dispose](): void {
    for (const { held } of this.#entries ?? []) for (const tensor of held) tensor.dispose();
  }

  /** Runs `fn` under this tape. What it gives has an identity of its own, also where it is what went in. */
  #run<O extends Readonly<Record<string, Tensor>>>(fn: () => O): O {
    const { tape } = this.#device;
    this.#device.tape = this;
    try {
      return Object.fromEntries(Object.entries(fn()).map(([name, output]) => [name, output.share()])) as O;
    } finally {
      this.#device.tape = tape;
    }
  }
}

function holdAll(tensors: Tensors, isKept: (name: string) => boolean = () => true): Record<string, Tensor> {
  const entries = Object.entries(tensors).flatMap(([name, tensor]) =>
    tensor && isKept(name) ? [[name, tensor.hold()] as const] : [],
  );
  return Object.fromEntries(entries);
}

function present(tensors: readonly (Tensor | undefined)[]): readonly Tensor[] {
  return tensors.filter((tensor) => tensor !== undefined);
}
