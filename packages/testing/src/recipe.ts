import type { Module } from "@elapid/nn";
import { bytesOf, sum, valueAndGrad, type Device, type Tensor } from "@elapid/tensor";
import type { KernelCase } from "./kernel-cases.ts";
import type { Values } from "./safetensors.ts";

/** How a case of an official function is computed with the ops of elapid. */
export interface Recipe {
  /** Why this case cannot be expressed, if it cannot. */
  readonly unsupported?: (kernelCase: KernelCase) => string | undefined;
  /** Makes the outputs of the inputs that it asks for. */
  readonly run: (inputs: CaseInputs) => Outputs;
}

/** What a recipe takes its inputs from. Each is uploaded once, when it is first asked for. */
export interface CaseInputs {
  readonly device: Device;
  readonly attrs: KernelCase["attrs"];
  /** The numbers of all inputs. */
  readonly values: KernelCase["inputs"];
  /** An input as it is stored, on the device; `undefined` where the case has none of this name. */
  get(name: string): Tensor | undefined;
  /** An input "batch channels time" as "batch time channels". */
  channelsLast(name: string): Tensor | undefined;
  /** An input with its dimensions in the order `axes`, those of `shape` if it is to be read as another than it has. */
  permuted(name: string, axes: readonly number[], shape?: readonly number[]): Tensor | undefined;
  /** A module whose parameters are inputs; `nameOf` gives the input for the path of a parameter. */
  module<M extends Module>(make: () => M, nameOf: (path: string) => string): M;
}

/** An output "batch time channels" that is to be read as "batch channels time". */
interface Transposed {
  readonly transposed: Tensor;
}

/** An output whose elements are to be added, and divided by `over`. */
interface Summed {
  readonly summed: Tensor;
  readonly over: number;
}

/** An output of angles, where whole turns do not count. */
interface Angles {
  readonly angles: Tensor;
}

/** What a recipe gives, by the official name. */
export type Outputs = Record<string, Tensor | Transposed | Summed | Angles>;

/** Marks an output "batch time channels" that the official function gives as "batch channels time". */
export function channelsFirst(tensor: Tensor): Transposed {
  return { transposed: tensor };
}

/** The outputs of a case, in the official layout. */
export async function runRecipe(
  { run }: Recipe,
  device: Device,
  kernelCase: KernelCase,
): Promise<Record<string, Values>> {
  const outputs = inScope(device, (keep) => {
    const made = run(new Uploads(device, kernelCase));
    for (const output of Object.values(made)) keep(tensorOf(output));
    return made;
  });
  const read: Record<string, Values> = {};
  for (const [name, output] of Object.entries(outputs)) {
    const values = await take(tensorOf(output));
    if ("transposed" in output) read[name] = permute(values, CHANNELS_LAST);
    else if ("summed" in output) {
      const total = [...values.data].reduce((total, value) => total + value, 0);
      read[name] = { shape: [], data: Float32Array.of(total / output.over) };
    } else if ("angles" in output) {
      const expected = kernelCase.outputs[name] ?? values;
      read[name] = { ...values, data: nearestTurn(values.data, expected.data) };
    } else read[name] = values;
  }
  return read;
}

/** Angles with the whole turns that bring each next to what was expected. */
export function nearestTurn(angles: ArrayLike<number>, expected: ArrayLike<number>): Float32Array {
  const turn = 2 * Math.PI;
  return Float32Array.from(angles, (angle, i) => angle + turn * Math.round((expected[i] - angle) / turn));
}

/** The gradient of the sum over outputs of `<upstream, output>` by every input, in the official layout. */
export async function differentiateRecipe(
  { run }: Recipe,
  device: Device,
  kernelCase: KernelCase,
): Promise<Record<string, Values>> {
  const { upstream } = kernelCase;
  const { inputs, gradients } = inScope(device, (keep) => {
    const inputs = new Uploads(device, kernelCase);
    run(inputs); // tells which inputs are asked for, and how
    const followed = Object.fromEntries(inputs.followed.map(({ tensor }, i) => [i, tensor]));
    const { gradients } = valueAndGrad(() => {
      const outputs = run(inputs);
      return Object.entries(upstream)
        .map(([name, values]) => sum(tensorOf(outputs[name]).mul(weightsOf(outputs[name], values))))
        .reduce((total, part) => total.add(part));
    }, followed);
    Object.values(gradients).forEach(keep);
    return { inputs, gradients };
  });
  const read: Record<string, Values> = {};
  for (const [i, { name, axes }] of inputs.followed.entries()) {
    const values = await take(gradients[i]);
    const official = permute(values, inverse(axes));
    const before = read[name];
    // an input that was asked for in two layouts has the gradients of both
    read[name] =
      before === undefined
        ? official
        : { ...official, data: official.data.map((value, at) => value + before.data[at]) };
  }
  return read;
}

class Uploads implements CaseInputs {
  readonly device: Device;
  readonly attrs: KernelCase["attrs"];
  readonly values: KernelCase["inputs"];
  /** The tensors whose gradients can be asked for. */
  readonly followed: { readonly name: string; readonly tensor: Tensor; readonly axes: readonly number[] }[] = [];
  readonly #uploaded = new Map<string, Tensor>();
  #module: Module | undefined;

  constructor(device: Device, { attrs, inputs }: KernelCase) {
    this.device = device;
    this.attrs = attrs;
    this.values = inputs;
  }

  get = (name: string): Tensor | undefined => this.permuted(name, []);
  channelsLast = (name: string): Tensor | undefined => this.permuted(name, CHANNELS_LAST);

  module<M extends Module>(make: () => M, nameOf: (path: string) => string): M {
    if (this.#module === undefined) {
      this.#module = make();
      for (const [path, tensor] of this.#module.parameters()) {
        const name = nameOf(path);
        this.device.write(tensor, bytesOf(this.values[name].data));
        this.followed.push({ name, tensor, axes: [] });
      }
    }
    return this.#module as M;
  }

  permuted = (name: string, axes: readonly number[], given?: readonly number[]): Tensor | undefined => {
    const key = `${name} ${axes}`;
    const known = this.#uploaded.get(key);
    const values = this.values[name];
    if (known !== undefined || values === undefined) return known;
    const { data, shape } = permute(given === undefined ? values : { ...values, shape: given }, axes);
    const tensor = this.device.tensor(data, shape);
    this.#uploaded.set(key, tensor);
    if (tensor.dtype === "f32") this.followed.push({ name, tensor, axes });
    return tensor;
  };
}

/** An upstream gradient in the layout of the output as it is on the device. */
function weightsOf(output: Outputs[string], { data }: Values): Tensor {
  const { device, shape } = tensorOf(output);
  if ("summed" in output) return device.full(shape, data[0] / output.over);
  if (!("transposed" in output)) return device.tensor(data, shape);
  const [batch, time, channels] = shape;
  return device.tensor(permute({ shape: [batch, channels, time], data }, CHANNELS_LAST).data, shape);
}

function inScope<T>(device: Device, make: (keep: (tensor: Tensor) => void) => T): T {
  using scope = device.scope();
  return make((tensor) => void scope.keep(tensor));
}

function tensorOf(output: Outputs[string]): Tensor {
  if ("transposed" in output) return output.transposed;
  if ("summed" in output) return output.summed;
  return "angles" in output ? output.angles : output;
}

/** Reads a tensor and frees it. */
async function take(tensor: Tensor): Promise<Values> {
  const values = { shape: tensor.shape, data: await tensor.data() };
  tensor.dispose();
  return values;
}

/** The order of the dimensions of "batch channels time" in which channels come last, and the other way round. */
const CHANNELS_LAST = [0, 2, 1];

/** Values with their dimensions in the order `axes`; none stands for the order that they have. */
function permute(values: Values, axes: readonly number[]): Values {
  if (axes.length === 0) return values;
  const { shape, data } = values;
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, length) => product * length, 1));
  const permuted = axes.map((axis) => shape[axis]);
  const moved = data.slice();
  const index = axes.map(() => 0);
  for (let at = 0; at < moved.length; at++) {
    moved[at] = data[axes.reduce((from, axis, i) => from + index[i] * strides[axis], 0)];
    for (let i = axes.length - 1; i >= 0; i--) {
      index[i] = (index[i] + 1) % permuted[i];
      if (index[i] > 0) break;
    }
  }
  return { shape: permuted, data: moved };
}

function inverse(axes: readonly number[]): readonly number[] {
  return axes.map((_, i) => axes.indexOf(i));
}
