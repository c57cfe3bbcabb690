import type { Device, Tensor } from "@elapid/tensor";
import type { KernelCase } from "./kernel-cases.ts";
import type { Values } from "./safetensors.ts";

/** How a case of an official function is computed with the ops of elapid. */
export interface Recipe {
  /** Why this case cannot be expressed, if it cannot. */
  readonly unsupported?: (kernelCase: KernelCase) => string | undefined;
  /** The outputs, in the official layout. */
  readonly run: (device: Device, kernelCase: KernelCase) => Promise<Readonly<Record<string, Values>>>;
}

/** What a recipe takes its inputs from. */
export interface CaseInputs {
  /** An input as it is stored, on the device; `undefined` where the case has none of this name. */
  get(name: string): Tensor | undefined;
  /** An input "batch channels time" as "batch time channels". */
  channelsLast(name: string): Tensor | undefined;
}

/** An output "batch time channels" that is to be read as "batch channels time". */
interface Transposed {
  readonly transposed: Tensor;
}

/** What a recipe gives, by the official name. */
export type Outputs = Record<string, Tensor | Transposed>;

/** Marks an output "batch time channels" that the official function gives as "batch channels time". */
export function channelsFirst(tensor: Tensor): Transposed {
  return { transposed: tensor };
}

/** Uploads what the recipe asks for, reads what it gives, frees the rest. */
export async function compute(
  device: Device,
  { inputs }: KernelCase,
  recipe: (inputs: CaseInputs) => Outputs,
): Promise<Record<string, Values>> {
  const upload = ({ data, shape }: Values) => device.tensor(data, shape);
  const outputs = inScope(device, () =>
    recipe({
      get: (name) => inputs[name] && upload(inputs[name]),
      channelsLast: (name) => inputs[name] && upload(transpose(inputs[name])),
    }),
  );
  const read: Record<string, Values> = {};
  for (const [name, output] of Object.entries(outputs)) {
    const tensor = tensorOf(output);
    const values = { shape: tensor.shape, data: await tensor.data() };
    read[name] = "transposed" in output ? transpose(values) : values;
    tensor.dispose();
  }
  return read;
}

function inScope(device: Device, make: () => Outputs): Outputs {
  using scope = device.scope();
  const outputs = make();
  for (const output of Object.values(outputs)) scope.keep(tensorOf(output));
  return outputs;
}

function tensorOf(output: Tensor | Transposed): Tensor {
  return "transposed" in output ? output.transposed : output;
}

/** Swaps the last two of three dimensions. */
function transpose({ shape, data }: Values): Values {
  const [batch, rows, columns] = shape;
  const swapped = data.slice();
  for (let b = 0; b < batch; b++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) swapped[(b * columns + c) * rows + r] = data[(b * rows + r) * columns + c];
    }
  }
  return { shape: [batch, columns, rows], data: swapped };
}
