import { Device, HostBackend, sum, valueAndGrad, type AnyOp, type Tensor } from "@elapid/tensor";
import type { Call } from "./call.ts";
import { expectClose } from "./close.ts";
import { allSizes, randomInputs, shapeOfPort, type Arrays } from "./inputs.ts";

type Callable = (inputs: Record<string, Tensor>, attributes?: Call["attributes"]) => Record<string, Tensor>;

/** How far an input is moved to either side. float32 outputs carry about 1e-7, so the quotient about 1e-4. */
const STEP = 2e-3;

/**
 * Asserts that the gradient of every float input agrees with central differences, on the host. The loss is
 * the sum of all outputs, each weighted with random numbers.
 */
export async function expectGradients({ op, sizes, inputs, attributes }: Call, relative = 5e-3): Promise<void> {
  using device = new Device(new HostBackend());
  const all = allSizes(op, sizes, attributes);
  const upload = (values: Arrays) =>
    Object.fromEntries(
      op.inputs
        .filter(({ name }) => values[name] !== undefined)
        .map((port) => [port.name, device.tensor(values[port.name], shapeOfPort(port, all), port.dtype)]),
    );
  const weights = randomInputs({ ...op, inputs: op.outputs } as AnyOp, all, { seed: 99, attributes });
  const loss = (tensors: Record<string, Tensor>) => {
    const outputs = (op as unknown as Callable)(tensors, attributes);
    return op.outputs
      .map(({ name }) => sum(outputs[name].mul(device.tensor(weights[name], outputs[name].shape))))
      .reduce((total, part) => total.add(part));
  };

  const tensors = upload(inputs);
  const floats = op.inputs.filter(({ name, dtype }) => dtype === "f32" && tensors[name] !== undefined);
  const parameters = Object.fromEntries(floats.map(({ name }) => [name, tensors[name]]));
  const { gradients } = valueAndGrad(() => loss(tensors), parameters);

  /** The loss summed in 64 bits: in 32, a sum of many outputs has too few digits left for a difference. */
  const evaluate = async (values: Arrays) => {
    const given = upload(values);
    const outputs = (op as unknown as Callable)(given, attributes);
    let total = 0;
    for (const [name, tensor] of Object.entries(outputs)) {
      (await tensor.data()).forEach((value, i) => (total += value * weights[name][i]));
    }
    for (const tensor of [...Object.values(given), ...Object.values(outputs)]) tensor.dispose();
    return total;
  };

  for (const { name } of floats) {
    const expected = new Float64Array(inputs[name].length);
    for (let i = 0; i < expected.length; i++) {
      const moved = (by: number) => ({ ...inputs, [name]: inputs[name].with(i, inputs[name][i] + by) });
      expected[i] = ((await evaluate(moved(STEP))) - (await evaluate(moved(-STEP)))) / (2 * STEP);
    }
    const actual = await gradients[name].data();
    expectClose(actual, expected, { relative, absolute: 1e-3, label: `gradient of ${op.name} by ${name}` });
  }
}
