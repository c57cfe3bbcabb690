/** The sum over the leading dimension, for its own op and for the partial sums of others. */
import { sumRows } from "../../../wasm/src/snippets/sum-rows.as.ts";

export { sumRows };
