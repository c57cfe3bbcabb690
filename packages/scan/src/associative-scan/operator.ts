/** The numbers that an element consists of. */
export type Element = readonly number[];

/**
 * An associative operator: `combine(combine(a, b), c)` equals `combine(a, combine(b, c))`. It need not commute.
 *
 * Its functions are written twice, for the host and as WGSL. There an element is an `Element`: `f32` for one number, else
 * `vec2f`, `vec3f` or `vec4f`.
 */
export interface ScanOperator {
  /** What messages and kernels know it by. */
  readonly name: string;
  /** The element that changes nothing. Its length, 1 to 4, is the number of numbers in an element. */
  readonly identity: Element;
  /** What two neighbours amount to, the first being the earlier in the order of the scan. */
  readonly combine: (first: Element, second: Element) => Element;
  /**
   * Gradient of `combine`: what `grad`, the gradient by its result, is by `first` and by `second`. It must be linear in
   * `grad`. A scan whose operator lacks it cannot be differentiated.
   */
  readonly pull?: (
    first: Element,
    second: Element,
    grad: Element,
  ) => { readonly first: Element; readonly second: Element };
  /**
   * The same for WebGPU: `fn combine(first: Element, second: Element) -> Element` and, where there is a `pull`,
   * `fn pull(first: Element, second: Element, grad: Element) -> Pulled` with `struct Pulled { first: Element, second: Element }`.
   * Without it WebGPU runs the host function, and says so once.
   */
  readonly wgsl?: string;
}

/** @throws TypeError or RangeError that names the operator and what is wrong with it. */
export function checkOperator({ name, identity, combine, pull }: ScanOperator): void {
  const action = `Cannot define the scan "${name}"`;
  const count = identity.length;
  if (!(count >= 1 && count <= 4)) {
    throw new RangeError(`${action}: its identity has ${count} numbers but 1 to 4 were needed`);
  }
  expectNumbers(combine(identity, identity), "combine");
  if (pull !== undefined) {
    const { first, second } = pull(identity, identity, identity);
    expectNumbers(first, "pull's first");
    expectNumbers(second, "pull's second");
  }

  function expectNumbers(element: Element, what: string): void {
    if (element?.length !== count) {
      throw new TypeError(
        `${action}: ${what} gives ${element?.length} numbers but ${count} were needed, as in its identity`,
      );
    }
  }
}
