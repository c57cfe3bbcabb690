import type { OpCall } from "@elapid/tensor";
import { ForwardingBackend } from "@elapid/testing/portable";

/** What calls of an op took. */
export interface OpTime {
  readonly op: string;
  readonly calls: number;
  readonly milliseconds: number;
  /** Who did the last of them. */
  readonly by: "kernel" | "reference";
}

/** Notes how long every op takes; right for backends that run an op when it is called. */
export class TimedBackend extends ForwardingBackend {
  readonly #times = new Map<string, OpTime>();

  run(call: OpCall): "kernel" | "reference" {
    const { name } = call.op;
    const start = performance.now();
    const by = this.inner.run(call);
    const { calls = 0, milliseconds = 0 } = this.#times.get(name) ?? {};
    this.#times.set(name, { op: name, calls: calls + 1, milliseconds: milliseconds + performance.now() - start, by });
    return by;
  }

  /** What ops took since the last time this was asked, the longest first. */
  takeTimes(): readonly OpTime[] {
    const times = [...this.#times.values()].toSorted((a, b) => b.milliseconds - a.milliseconds);
    this.#times.clear();
    return times;
  }
}
