import { replaceFile, safetensorsPieces, toFloat32, type TensorData, type Weights } from "@elapid/loaders";
import { formatShape } from "@elapid/tensor";

/** Writes float32 tensors as safetensors, whole or not at all. */
export async function writeTensors(
  path: string,
  tensors: readonly (readonly [name: string, shape: readonly number[], values: Float32Array])[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const entries = tensors.map(([name, shape, data]): [string, TensorData] => [name, { dtype: "f32", shape, data }]);
  await replaceFile(path, safetensorsPieces(new Map(entries), metadata));
}

/** Reads just the tensors of these names and shapes. @throws TypeError that names one that does not fit. */
export async function readTensors(
  weights: Weights,
  wanted: ReadonlyMap<string, readonly number[]>,
): Promise<ReadonlyMap<string, Float32Array>> {
  const refuse = (what: string) => new TypeError(`Cannot load "${weights.name}": ${what}`);
  for (const name of weights.tensors.keys()) if (!wanted.has(name)) throw refuse(`"${name}" has no place in the model`);
  const values = new Map<string, Float32Array>();
  for (const [name, shape] of wanted) {
    const stored = weights.tensors.get(name);
    if (stored === undefined) throw refuse(`"${name}" is missing`);
    if (formatShape(stored.shape) !== formatShape(shape)) {
      throw refuse(`"${name}" is ${formatShape(stored.shape)} but ${formatShape(shape)} was needed`);
    }
    values.set(name, toFloat32(await weights.read(name), stored.dtype));
  }
  return values;
}
