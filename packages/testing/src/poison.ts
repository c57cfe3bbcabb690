import type { OpCall, Recording } from "@elapid/tensor";
import { ForwardingBackend } from "./forwarding-backend.ts";

/** Fills the outputs of every op with NaN before it runs, so that an element that no kernel writes is seen. */
export class PoisoningBackend extends ForwardingBackend {
  run(call: OpCall): "kernel" | "reference" {
    this.#poison(call);
    return this.inner.run(call);
  }

  /** A replay writes all that it does not find: nothing of the one before may be left in its outputs. */
  record(calls: readonly OpCall[]): Recording {
    const inner = this.inner.record?.(calls);
    return {
      replay: () => {
        for (const call of calls) this.#poison(call);
        if (inner !== undefined) inner.replay();
        else for (const call of calls) this.inner.run(call);
      },
      dispose: () => inner?.dispose(),
    };
  }

  #poison({ outputs }: OpCall): void {
    for (const { allocation, offset, shape } of Object.values(outputs)) {
      const bytes = shape.reduce((product, length) => product * length, 4);
      // all bits set is a NaN in float32
      if (bytes > 0) this.inner.write(allocation, offset, new Uint8Array(bytes).fill(0xff));
    }
  }
}
