import type { Allocation, Backend, DeviceKind, OpCall, View } from "./backend.ts";
import { byteLength, isPlain, viewAs } from "./dtype.ts";
import { decodeWeights } from "./weights/weights.ts";

class HostMemory implements Allocation {
  readonly bytes: number;
  readonly data: Uint8Array;

  constructor(bytes: number) {
    this.bytes = bytes;
    this.data = new Uint8Array(bytes);
  }
}

/**
 * Calls an op's reference on the bytes that `bytesOf` finds for its views; weights of other types come to it as float32.
 * Backends without a kernel for an op use it.
 */
export function runReference(call: OpCall, bytesOf: (view: View) => Uint8Array): void {
  const resolve = (view: View) => {
    const { dtype, shape } = view;
    return isPlain(dtype) ? viewAs(dtype, bytesOf(view)) : decodeWeights(bytesOf(view), shape, dtype);
  };
  const arrays = (views: Readonly<Record<string, View | undefined>>) => {
    const found: Record<string, Float32Array | Int32Array | undefined> = {};
    for (const name in views) {
      const view = views[name];
      found[name] = view && resolve(view);
    }
    return found;
  };
  const { op, dims, attributes } = call;
  const reference = op.reference as (call: object) => void;
  reference({ dims, attributes, inputs: arrays(call.inputs), outputs: arrays(call.outputs) });
}

/** Runs every op's reference in plain loops: the oracle that kernels answer to. */
export class HostBackend implements Backend {
  readonly kind: DeviceKind = "host";
  readonly description = "host: reference loops, one thread";
  readonly alignment: number = 4;
  liveBytes = 0;
  peakBytes = 0;

  allocate(bytes: number): Allocation {
    this.liveBytes += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.liveBytes);
    return new HostMemory(bytes);
  }

  free(allocation: Allocation): void {
    this.liveBytes -= allocation.bytes;
  }

  write(allocation: Allocation, offset: number, bytes: Uint8Array): void {
    (allocation as HostMemory).data.set(bytes, offset);
  }

  async read(allocation: Allocation, offset: number, length: number): Promise<Uint8Array> {
    return (allocation as HostMemory).data.slice(offset, offset + length);
  }

  run(call: OpCall): "reference" {
    runReference(call, ({ allocation, offset, shape, dtype }) =>
      (allocation as HostMemory).data.subarray(offset, offset + byteLength(dtype, shape)),
    );
    return "reference";
  }

  async finish(): Promise<void> {}

  dispose(): void {}
}
