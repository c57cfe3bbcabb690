/**
 * Errors of a device come late, and not to the caller who caused them. They are kept here, the first with
 * the name of its op, until somebody waits for a result: all who waited when it came are told, once.
 */
export class Faults {
  readonly #device: GPUDevice;
  readonly #checks = new Set<Promise<void>>();
  #failure: Error | undefined;
  #tickets = 0;
  /** The last ticket that the failure concerns, once it was told. */
  #last: number | undefined;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Errors of what is done from here to `unwatch`, in the same turn of JavaScript, are ours. */
  watch(): void {
    this.#device.pushErrorScope("validation");
    this.#device.pushErrorScope("out-of-memory");
  }

  /** Ends a `watch`; one of `ops` is to blame for an error in it. `outOfMemory` makes the error of that kind. */
  unwatch(ops: Iterable<string>, outOfMemory?: (message: string) => Error): void {
    const names = [...ops];
    for (const kind of ["out-of-memory", "validation"] as const) {
      const check = this.#device.popErrorScope().then(
        (error) => {
          if (error === null) return;
          const named = kind === "out-of-memory" ? outOfMemory?.(error.message) : undefined;
          this.#keep(named ?? new Error(`Cannot run ${blame(names, error.message)} on WebGPU: ${error.message}`));
        },
        () => {}, // the device is gone; whoever waits learns it from there
      );
      this.#checks.add(check);
      void check.then(() => this.#checks.delete(check));
    }
  }

  report(op: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#keep(new Error(`Cannot run "${op}" on WebGPU: ${message}`, { cause: error }));
  }

  /** Of somebody who starts to wait. */
  ticket(): number {
    return ++this.#tickets;
  }

  /** Waits until everything done so far is checked and throws what was found. */
  async settle(ticket: number): Promise<void> {
    await Promise.all(this.#checks);
    if (this.#failure === undefined) return;
    this.#last ??= this.#tickets;
    if (ticket <= this.#last) throw this.#failure;
    this.#failure = undefined;
    this.#last = undefined;
  }

  #keep(error: Error): void {
    if (this.#failure !== undefined && this.#last === undefined) return;
    this.#failure = error;
    this.#last = undefined;
  }
}

/** The op that a message names, else all that it can have been. */
function blame(ops: readonly string[], message: string): string {
  const named = ops.filter((op) => message.includes(`"${op}"`));
  return (named.length > 0 ? named : ops).map((op) => `"${op}"`).join(" or ");
}
