import type { AnyOp, Attributes, Device, Tensor } from "@elapid/tensor";
import { allSizes, shapeOfPort, type Arrays, type Sizes } from "./inputs.ts";

type Callable = (inputs: Record<string, Tensor>, attributes?: Attributes) => Record<string, Tensor>;

/** Uploads plain arrays, runs the op once, reads its outputs back and frees everything. */
export async function runArrays(
  device: Device,
  op: AnyOp,
  sizes: Sizes,
  inputs: Arrays,
  attributes?: Attributes,
): Promise<Record<string, Float32Array>> {
  const all = allSizes(op, sizes, attributes);
  const tensors: Record<string, Tensor> = {};
  for (const port of op.inputs) {
    const values = inputs[port.name];
    if (values !== undefined) tensors[port.name] = device.tensor(values, shapeOfPort(port, all), port.dtype);
  }
  const outputs = (op as unknown as Callable)(tensors, attributes);
  const read: Record<string, Float32Array> = {};
  for (const [name, tensor] of Object.entries(outputs)) read[name] = Float32Array.from(await tensor.data());
  for (const tensor of [...Object.values(tensors), ...Object.values(outputs)]) tensor.dispose();
  return read;
}
