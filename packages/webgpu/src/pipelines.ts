import type { Binding } from "./module.ts";
import { usage } from "./buffers.ts";

const COMPUTE_STAGE = 0x4;

/** A pipeline that is being compiled, or is. */
export interface Pipeline {
  readonly layout: GPUBindGroupLayout;
  readonly ready: Promise<GPUComputePipeline>;
  /** Set once `ready` has resolved. */
  compiled: GPUComputePipeline | undefined;
}

/** Compiles pipelines, each text once, and off the main thread. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #pipelines = new Map<string, Pipeline>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get size(): number {
    return this.#pipelines.size;
  }

  get(label: string, code: string, bindings: readonly Binding[]): Pipeline {
    const known = this.#pipelines.get(code);
    if (known !== undefined) return known;
    const layout = this.#layout(bindings);
    const ready = this.#compile(label, code, layout);
    const pipeline: Pipeline = { layout, ready, compiled: undefined };
    this.#pipelines.set(code, pipeline);
    // a failure is told to the first dispatch that needs it, and the next use tries again
    ready.then(
      (compiled) => (pipeline.compiled = compiled),
      () => this.#pipelines.delete(code),
    );
    return pipeline;
  }

  async #compile(label: string, code: string, layout: GPUBindGroupLayout): Promise<GPUComputePipeline> {
    // the scope keeps a faulty module from being reported twice: the pipeline's promise tells of it
    this.#device.pushErrorScope("validation");
    const module = this.#device.createShaderModule({ label, code });
    const compiled = this.#device.createComputePipelineAsync({
      label,
      layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module },
    });
    this.#device.popErrorScope().catch(() => {}); // fails when the device is gone
    try {
      return await compiled;
    } catch (cause) {
      const { messages } = await module.getCompilationInfo();
      const first = messages.find(({ type }) => type === "error");
      if (first === undefined) throw cause;
      const line = code.split("\n")[first.lineNum - 1]?.trim();
      throw new SyntaxError(`its WGSL does not compile: ${first.message}, in "${line}"`, { cause });
    }
  }

  #layout(bindings: readonly Binding[]): GPUBindGroupLayout {
    const types = bindings.map(({ writable, uniform }): GPUBufferBindingType =>
      uniform ? "uniform" : writable ? "storage" : "read-only-storage",
    );
    const key = types.join();
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      const entry = (binding: number, type: GPUBufferBindingType) => ({
        binding,
        visibility: COMPUTE_STAGE,
        buffer: { type },
      });
      layout = this.#device.createBindGroupLayout({
        entries: [entry(0, "uniform"), ...types.map((type, i) => entry(i + 1, type))],
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}

/** A uniform buffer of fixed content. */
export function uniformBuffer(device: GPUDevice, bytes: ArrayBuffer): GPUBuffer {
  const buffer = device.createBuffer({
    label: "dims",
    size: bytes.byteLength,
    usage: usage.uniform,
    mappedAtCreation: true,
  });
  new Uint8Array(buffer.getMappedRange()).set(new Uint8Array(bytes));
  buffer.unmap();
  return buffer;
}
