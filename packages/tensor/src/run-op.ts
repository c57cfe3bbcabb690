import type { View } from "./backend.ts";
import type { Device } from "./device.ts";
import { weightDTypes } from "./dtype.ts";
import { TensorDisposedError } from "./errors.ts";
import type { AnyOp, Attributes } from "./op.ts";
import { bindDims, type Shape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** Checks a call at the op's door, allocates its outputs and enqueues it. Kernels assume what is checked here. */
export function runOp(
  op: AnyOp,
  tensors: Readonly<Record<string, Tensor | undefined>>,
  given: Attributes | undefined,
): Record<string, Tensor> {
  const action = `Cannot run "${op.name}"`;
  const device = checkInputs(op, tensors, action);
  const attributes = given === undefined ? op.attributes : mergeAttributes(op, given, action);
  const { dims, rows } = resolveDims(op, tensors, attributes, action);

  const inputs: Record<string, View | undefined> = {};
  for (const { name } of op.inputs) inputs[name] = tensors[name]?.view;
  const outputs: Record<string, Tensor> = {};
  const views: Record<string, View> = {};
  for (const { name, pattern, dtype } of op.outputs) {
    const shape = pattern.names.map((dim) => dims[dim]);
    const tensor = device.empty(pattern.leading ? [...rows, ...shape] : shape, dtype);
    outputs[name] = tensor;
    views[name] = tensor.view;
  }
  device.run({ op, dims, attributes, inputs, outputs: views });
  device.tape?.recordOp(op, tensors, outputs, attributes);
  device.watcher?.(op, tensors, outputs);
  return outputs;
}

function checkInputs(op: AnyOp, tensors: Readonly<Record<string, Tensor | undefined>>, action: string): Device {
  let first: Tensor | undefined;
  let firstName = "";
  for (const { name, dtype, optional, weights } of op.inputs) {
    const tensor = tensors[name];
    if (tensor === undefined) {
      if (optional) continue;
      throw new TypeError(`${action}: input ${name} is missing`);
    }
    if (tensor.disposed) throw new TensorDisposedError(`${action}: input ${name} was disposed`);
    if (tensor.dtype !== dtype && (!weights || tensor.dtype === "i32")) {
      const needed = weights ? `one of ${weightDTypes.join(", ")}` : dtype;
      throw new TypeError(`${action}: input ${name} is ${tensor.dtype} but ${needed} was needed`);
    }
    if (first === undefined) {
      first = tensor;
      firstName = name;
    } else if (tensor.device !== first.device) {
      throw new TypeError(
        `${action}: ${firstName} is on "${first.device.kind}" but ${name} is on another device, "${tensor.device.kind}"`,
      );
    }
  }
  for (const name in tensors) {
    if (!op.inputs.some((port) => port.name === name)) {
      throw new TypeError(`${action}: it has no input ${name}, only ${op.inputs.map((port) => port.name).join(", ")}`);
    }
  }
  if (first === undefined) throw new TypeError(`${action}: no input was given`);
  return first.device;
}

function mergeAttributes(op: AnyOp, given: Attributes, action: string): Attributes {
  for (const [name, value] of Object.entries(given)) {
    const known = op.attributes[name];
    if (known === undefined) {
      throw new TypeError(`${action}: it has no attribute ${name}, only ${Object.keys(op.attributes).join(", ")}`);
    }
    if (value !== undefined && typeof value !== typeof known) {
      throw new TypeError(`${action}: attribute ${name} is a ${typeof value} but a ${typeof known} was needed`);
    }
  }
  return { ...op.attributes, ...given };
}

/** Sizes by name, and the dims that the leading `...` of the first input to have one stood for. */
function resolveDims(
  op: AnyOp,
  tensors: Readonly<Record<string, Tensor | undefined>>,
  attributes: Attributes,
  action: string,
): { dims: Record<string, number>; rows: Shape } {
  const bound = new Map<string, { size: number; owner: string }>();
  const given = new Set<string>();
  let rows: Shape | undefined;
  for (const { name, pattern } of op.inputs) {
    const tensor = tensors[name];
    if (tensor === undefined) continue;
    given.add(name);
    bindDims(pattern, tensor.shape, name, bound, action);
    if (pattern.leading) rows ??= tensor.shape.slice(0, tensor.shape.length - pattern.names.length);
  }
  const dims: Record<string, number> = {};
  for (const [name, { size }] of bound) dims[name] = size;
  if (op.derive !== undefined) {
    const derived = op.derive(dims, attributes as never);
    for (const [name, size] of Object.entries(derived)) {
      const known = bound.get(name);
      if (known !== undefined && known.size !== size) {
        throw new TypeError(`${action}: "${name}" is ${known.size} in ${known.owner} but must be ${size}`);
      }
      dims[name] = size;
    }
  }
  op.check?.(dims as never, attributes as never, given);
  return { dims, rows: rows ?? [] };
}
