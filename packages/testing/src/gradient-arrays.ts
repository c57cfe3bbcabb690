import { sum, valueAndGrad, type AnyOp, type Device, type Tensor } from "@elapid/tensor";
import type { Call } from "./call.ts";
import { allSizes, randomInputs, shapeOfPort } from "./inputs.ts";

type Callable = (inputs: Record<string, Tensor>, attributes?: Call["attributes"]) => Record<string, Tensor>;

/** The gradient by every float input of the sum of all outputs, each weighted with random numbers. */
export async function gradientArrays(device: Device, call: Call): Promise<Record<string, Float32Array>> {
  const read: Record<string, Float32Array> = {};
  for (const [name, gradient] of Object.entries(differentiate(device, call))) {
    read[name] = Float32Array.from(await gradient.data());
    gradient.dispose();
  }
  return read;
}

function differentiate(device: Device, { op, sizes, inputs, attributes }: Call): Record<string, Tensor> {
  using scope = device.scope();
  const all = allSizes(op, sizes, attributes);
  const tensors: Record<string, Tensor> = {};
  const followed: Record<string, Tensor> = {};
  for (const port of op.inputs) {
    const values = inputs[port.name];
    if (values === undefined) continue;
    tensors[port.name] = device.tensor(values, shapeOfPort(port, all), port.dtype);
    if (port.dtype === "f32") followed[port.name] = tensors[port.name];
  }
  const weights = randomInputs({ ...op, inputs: op.outputs } as AnyOp, all, { seed: 99, attributes });
  const { gradients } = valueAndGrad(() => {
    const outputs = (op as unknown as Callable)(tensors, attributes);
    return Object.entries(outputs)
      .map(([name, output]) => sum(output.mul(device.tensor(weights[name], output.shape))))
      .reduce((total, part) => total.add(part));
  }, followed);
  for (const gradient of Object.values(gradients)) scope.keep(gradient);
  return gradients;
}
