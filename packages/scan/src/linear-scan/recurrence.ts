import type { Tensor } from "@elapid/tensor";
import { checkShapeOf, layoutOf, type ScanOptions } from "../associative-scan/axis.ts";

/** Factors `a` and additions `b` of the same shape, and a state of that shape without the axis. */
export interface RecurrenceInputs {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly initialState?: Tensor | undefined;
}

export interface RecurrenceOutputs {
  readonly h: Tensor;
  readonly finalState: Tensor;
}

/** A linear recurrence: call it with tensors. */
export interface Recurrence<O> {
  (inputs: RecurrenceInputs, options?: ScanOptions): RecurrenceOutputs;
  /** What kernels and tests know it by. */
  readonly op: O;
}

interface RecurrenceOp {
  (inputs: RecurrenceInputs, attributes: { readonly reverse: boolean; readonly exclusive: boolean }): RecurrenceOutputs;
  readonly name: string;
}

/** The recurrence of an op over "outer time inner"; the last `parts` dimensions of a tensor make up a number. */
export function recurrenceOf<O extends RecurrenceOp>(op: O, parts: number): Recurrence<O> {
  const action = `Cannot run "${op.name}"`;
  const recurrence = ({ a, b, initialState }: RecurrenceInputs, options: ScanOptions = {}): RecurrenceOutputs => {
    const layout = layoutOf(action, "a", a, options, parts);
    checkShapeOf(action, ["b", b], ["a", a.shape], layout.nameOf);
    if (initialState !== undefined) {
      checkShapeOf(action, ["initialState", initialState], ["a", layout.stateShape], layout.stateNameOf);
    }
    const { reverse = false, exclusive = false } = options;
    using factors = a.reshape(layout.steps);
    using added = b.reshape(layout.steps);
    using start = initialState?.reshape(layout.state);
    const made = op({ a: factors, b: added, initialState: start }, { reverse, exclusive });
    using h = made.h;
    using finalState = made.finalState;
    return { h: h.reshape(layout.shape), finalState: finalState.reshape(layout.stateShape) };
  };
  return Object.assign(recurrence, { op });
}
