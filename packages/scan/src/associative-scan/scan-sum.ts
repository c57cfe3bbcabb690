import { defineForward, scanOf, type Scan, type ScanOp } from "./define-scan.ts";
import type { ScanOperator } from "./operator.ts";

const operator: ScanOperator = {
  name: "sum",
  identity: [0],
  combine: ([a], [b]) => [a + b],
  wgsl: "fn combine(first: Element, second: Element) -> Element { return first + second; }",
};

// x[s] is in every sum from s on: the same scan, the other way
const op: ScanOp = defineForward(operator, ({ inputs: { x, initialState }, grads, attributes }) => {
  const { y: dy = x.device.zeros(x.shape), finalState } = grads;
  const { reverse, exclusive } = attributes;
  const back = op({ x: dy, initialState: finalState }, { reverse: !reverse, exclusive });
  return { x: back.y, initialState: initialState && back.finalState };
});

/**
 * Running sum: `y[t] = x[0] + … + x[t]`.
 *
 * ```ts
 * await scanSum(device.tensor(Float32Array.of(1, 2, 3), [3])).data(); // 1 3 6
 * ```
 *
 * @throws TypeError or RangeError if the axis or the initial state does not fit `x`.
 */
export const scanSum: Scan = scanOf(operator, op, undefined);
