import type { Tensor, WeightDType } from "@elapid/tensor";
import { isBlocks } from "./stored.ts";

/** A tensor to be written. */
export interface Planned {
  /** Our path of the parameter, and the checkpoint's name of it. */
  readonly path: string;
  readonly name: string;
  /** The parameter as it is wanted, on paper. */
  readonly parameter: Tensor;
  /** The numbers in a dtype, in pieces that are valid until the next one is asked for. */
  readonly pieces: (dtype: WeightDType) => AsyncIterable<Uint8Array>;
}

/** The bytes of a parameter without what fills the last piece up. */
export async function* exactly({ parameter, pieces }: Planned, dtype = parameter.dtype): AsyncGenerator<Uint8Array> {
  const widths = { f32: 4, i32: 4, f16: 2, bf16: 2 } as const;
  let left = isBlocks(dtype) ? Infinity : parameter.size * widths[dtype];
  for await (const piece of pieces(dtype as WeightDType)) {
    const part = piece.subarray(0, left);
    left -= part.byteLength;
    yield part;
  }
}
