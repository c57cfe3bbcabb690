import { byteLength, checkScales, defineOp, encodeWeights, ints, type Device } from "@elapid/tensor";

/** Declaration of the rounding of weights to blocks of `bits` bits, 8 or 4, given as the words of their bytes. */
export const quantiseOp = defineOp({
  name: "quantise",
  inputs: { weight: "out in" },
  outputs: { words: ints("words") },
  attributes: { bits: 8 },
  derive: (dims, { bits }) => ({ words: byteLength(dtypeOf(bits), [dims.out, dims.in]) / 4 }),
  reference: ({ dims: { out, in: inner }, inputs: { weight }, outputs: { words }, attributes: { bits } }) => {
    const bytes = encodeWeights(weight, [out, inner], dtypeOf(bits));
    words.set(new Int32Array(bytes.buffer, bytes.byteOffset, words.length));
  },
});

function dtypeOf(bits: number): "q8" | "q4" {
  return bits === 8 ? "q8" : "q4";
}

/**
 * As `encodeWeights`, on the threads of a device that has the kernel for it. Its sums are in f32, so a block of q4 whose
 * best scales are about equally good may get another one of them.
 *
 * @throws RangeError for a number that the dtype cannot hold.
 */
export async function quantise(
  device: Device,
  values: Float32Array,
  shape: readonly [number, number],
  dtype: "q8" | "q4",
): Promise<Uint8Array> {
  if (device.kind !== "wasm") return encodeWeights(values, shape, dtype);
  using weight = device.tensor(values, shape);
  using words = quantiseOp({ weight }, { bits: dtype === "q8" ? 8 : 4 }).words;
  const bytes = await device.read(words);
  checkScales(bytes, dtype);
  return bytes;
}
