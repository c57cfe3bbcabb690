import type { AnyOp, Attributes } from "@elapid/tensor";
import type { Arrays, Sizes } from "./inputs.ts";

/** One call of an op with plain arrays. */
export interface Call {
  readonly op: AnyOp;
  readonly sizes: Sizes;
  readonly inputs: Arrays;
  readonly attributes?: Attributes;
}
