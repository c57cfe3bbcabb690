import { defineScan, type Scan } from "./define-scan.ts";

/**
 * Running product: `y[t] = x[0] · … · x[t]`. Its gradient divides by nothing, so zeros among the elements do no harm.
 *
 * ```ts
 * await scanProduct(device.tensor(Float32Array.of(1, 2, 3), [3])).data(); // 1 2 6
 * ```
 *
 * @throws TypeError or RangeError if the axis or the initial state does not fit `x`.
 */
export const scanProduct: Scan = defineScan({
  name: "product",
  identity: [1],
  combine: ([a], [b]) => [a * b],
  pull: ([a], [b], [grad]) => ({ first: [grad * b], second: [grad * a] }),
  wgsl: `
fn combine(first: Element, second: Element) -> Element { return first * second; }
fn pull(first: Element, second: Element, grad: Element) -> Pulled { return Pulled(grad * second, grad * first); }`,
});
