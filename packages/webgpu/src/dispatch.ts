import { DeviceLostError } from "@elapid/tensor";
import { BufferPool, usage, type Span } from "./buffers.ts";
import type { Faults } from "./faults.ts";

/** Work in the queue. It is recorded when it is called; a promise holds up what follows. */
type Command = () => void | Promise<void>;

/** Workgroups in x, y and z. */
export type Grid = readonly [x: number, y: number, z: number];

/** Commands after which a batch is handed to the GPU although more may follow. */
const BATCH = 64;
const STAGING_BOUND = 16 * 2 ** 20;

/**
 * Everything that happens on the device, in the order in which it was asked for. Work is recorded in
 * batches, at the end of the current turn of JavaScript or when a batch is full, and waits where a
 * pipeline is not compiled yet or an op runs on the host.
 */
export class CommandQueue {
  /** Dispatches encoded so far. */
  dispatchCount = 0;
  readonly #device: GPUDevice;
  readonly #faults: Faults;
  readonly #staging: BufferPool;
  #commands: { readonly op: string; readonly command: Command }[] = [];
  #draining = false;
  #scheduled = false;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  /** Ops of the batch that is being recorded. */
  #ops = new Set<string>();
  #doomed: GPUBuffer[] = [];
  readonly #waiting = new Set<(error: Error) => void>();
  #closed: Error | undefined;

  constructor(device: GPUDevice, faults: Faults) {
    this.#device = device;
    this.#faults = faults;
    this.#staging = new BufferPool(
      (size) => device.createBuffer({ label: "staging", size, usage: usage.mapRead | usage.copyTarget }),
      (buffer) => buffer.destroy(),
      () => STAGING_BOUND,
    );
  }

  /** Adds work of an op. */
  push(op: string, command: Command): void {
    this.#commands.push({ op, command });
    if (this.#commands.length >= BATCH) void this.#drain();
    else this.#schedule();
  }

  /** Overwrites bytes. The caller may reuse `bytes` at once. */
  write(spans: readonly Span[], bytes: Uint8Array): void {
    const idle = !this.#draining && this.#commands.length === 0 && this.#encoder === undefined;
    if (idle) {
      this.#writeNow(spans, bytes);
      this.#submit();
    } else {
      const copy = bytes.slice();
      this.push("write", () => this.#writeNow(spans, copy));
    }
  }

  /** A copy of bytes, after everything before it. */
  read(spans: readonly Span[]): Promise<Uint8Array> {
    return this.#ask("read", () => this.#copyOut(spans));
  }

  /** Resolves when everything before it is done. */
  finish(): Promise<void> {
    return this.#ask("finish", () => {
      this.#submit();
      return this.#device.queue.onSubmittedWorkDone();
    });
  }

  /**
   * Runs work on the host in the order of the queue: it is handed the bytes of `inputs` and gives those of
   * `outputs`; nothing that comes after starts before it is done.
   */
  onHost(
    op: string,
    inputs: readonly Span[][],
    outputs: readonly Span[][],
    work: (inputs: Uint8Array[]) => Uint8Array[],
  ): void {
    this.push(op, async () => {
      const results = work(await Promise.all(inputs.map((spans) => this.#copyOut(spans))));
      outputs.forEach((spans, i) => this.#writeNow(spans, results[i]));
    });
  }

  /** Records one dispatch. Only a command may call it. */
  dispatch(op: string, pipeline: GPUComputePipeline, bind: (device: GPUDevice) => GPUBindGroup, groups: Grid): void {
    this.dispatchCount++;
    this.#ops.add(op);
    this.#pass ??= this.#record().beginComputePass();
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, bind(this.#device));
    this.#pass.dispatchWorkgroups(groups[0], groups[1], groups[2]);
  }

  /** Destroys a buffer when the work before it is on its way. */
  discard(buffer: GPUBuffer): void {
    this.push("free", () => void this.#doomed.push(buffer));
  }

  /** Gives up all work; whoever waits is told why. */
  close(error: Error): void {
    this.#closed = error;
    this.#commands = [];
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  #schedule(): void {
    if (this.#scheduled || this.#draining) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    while (this.#commands.length > 0) {
      const commands = this.#commands;
      this.#commands = [];
      for (const { op, command } of commands) {
        if (this.#closed !== undefined) break;
        try {
          const wait = command();
          if (wait === undefined) continue;
          this.#submit();
          await wait;
        } catch (error) {
          this.#faults.report(op, error);
        }
      }
    }
    this.#submit();
    this.#draining = false;
  }

  #record(): GPUCommandEncoder {
    if (this.#encoder === undefined) {
      this.#faults.watch();
      this.#encoder = this.#device.createCommandEncoder();
    }
    return this.#encoder;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }

  #submit(): void {
    this.#endPass();
    if (this.#encoder !== undefined) {
      this.#device.queue.submit([this.#encoder.finish()]);
      this.#encoder = undefined;
      this.#faults.unwatch(this.#ops);
      this.#ops = new Set();
    }
    for (const buffer of this.#doomed) buffer.destroy();
    this.#doomed = [];
  }

  #writeNow(spans: readonly Span[], bytes: Uint8Array): void {
    // a write goes to the queue at once: what was recorded before it has to go first
    this.#submit();
    this.#faults.watch();
    let from = 0;
    for (const { buffer, offset, length } of spans) {
      this.#device.queue.writeBuffer(buffer, offset, bytes as BufferSource as Uint8Array<ArrayBuffer>, from, length);
      from += length;
    }
    this.#faults.unwatch(["write"]);
  }

  async #copyOut(spans: readonly Span[]): Promise<Uint8Array> {
    const encoder = this.#record();
    this.#endPass();
    const copies = spans.map(({ buffer, offset, length }) => {
      const staging = this.#staging.acquire(length);
      encoder.copyBufferToBuffer(buffer, offset, staging, 0, length);
      return { staging, length };
    });
    this.#submit();
    const bytes = new Uint8Array(copies.reduce((sum, { length }) => sum + length, 0));
    await Promise.all(copies.map(({ staging, length }) => staging.mapAsync(usage.mapRead, 0, length)));
    let at = 0;
    for (const { staging, length } of copies) {
      bytes.set(new Uint8Array(staging.getMappedRange(0, length)), at);
      at += length;
      staging.unmap();
      this.#staging.release(staging);
    }
    return bytes;
  }

  /** Starts work in order and waits for its result, for errors of what went before, and for the end of the device. */
  async #ask<T>(op: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw this.#closed;
    const ticket = this.#faults.ticket();
    let abandon: ((error: Error) => void) | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        abandon = reject;
        this.#waiting.add(reject);
        this.#commands.push({
          op,
          command: () => {
            // not handed to the queue: what follows need not wait for the result
            work().then(resolve, reject);
          },
        });
        void this.#drain();
      }).finally(() => this.#faults.settle(ticket));
    } catch (error) {
      // the loss of a device makes mappings fail before it is announced
      const lost = await Promise.race([this.#device.lost, Promise.resolve()]);
      if (this.#closed !== undefined) throw this.#closed;
      if (lost)
        throw new DeviceLostError(`Cannot ${op}: the GPU device was lost: ${lost.message}; open a new one`, {
          cause: error,
        });
      throw error;
    } finally {
      if (abandon) this.#waiting.delete(abandon);
    }
  }
}
