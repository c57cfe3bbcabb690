import type { Device } from "./device.ts";
import type { AnyOp } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** Told of an op that ran: what went in and what came out, by name. */
export type OpWatcher = (
  op: AnyOp,
  inputs: Readonly<Record<string, Tensor | undefined>>,
  outputs: Readonly<Record<string, Tensor>>,
) => void;

/**
 * Tells `watcher` of every op that `fn` runs on a device, its own gradients included. Ops of the watcher are neither
 * watched nor differentiated; a tensor that it wants to keep it shares with `hold`.
 */
export function watchOps<T>(device: Device, watcher: OpWatcher, fn: () => T): T {
  const before = device.watcher;
  device.watcher = (...told) => {
    const { tape, watcher: own } = device;
    device.tape = undefined;
    device.watcher = undefined;
    try {
      watcher(...told);
    } finally {
      device.tape = tape;
      device.watcher = own;
    }
  };
  try {
    return fn();
  } finally {
    device.watcher = before;
  }
}
