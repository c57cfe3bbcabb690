import type { Sizes } from "./inputs.ts";

/** What a `B` or `C` of the selective scan is: one row a step, so many groups of channels a step, or a row a channel. */
export type Form = "variable" | "constant" | { readonly groups: number };

/** What `B` and `C` are, by default variable. */
export interface Forms {
  readonly B?: Form;
  readonly C?: Form;
}

/** Sizes of the selective scan with those of its `B` and `C`. */
export function scanSizes(sizes: Sizes, { B = "variable", C = "variable" }: Forms = {}): Sizes {
  const [batchB, timeB, groupsB] = rowsOf(sizes, B);
  const [batchC, timeC, groupsC] = rowsOf(sizes, C);
  return { ...sizes, batchB, timeB, groupsB, batchC, timeC, groupsC };
}

function rowsOf({ batch, time, inner }: Sizes, form: Form): readonly [number, number, number] {
  if (form === "constant") return [1, 1, inner];
  return [batch, time, form === "variable" ? 1 : form.groups];
}
