import type { Span } from "./buffers.ts";

/** Bind groups kept for one pass at certain sizes: the pool gives a loop the same few buffers again and again. */
const MAX_KEPT = 64;

/** Bind groups of one pass at certain sizes, by the buffers they bind. Making one costs more than all else of a dispatch. */
export class BindGroupCache {
  readonly #kept = new Map<string, GPUBindGroup>();

  get(
    device: GPUDevice,
    label: string,
    layout: GPUBindGroupLayout,
    uniform: GPUBuffer,
    spans: readonly Span[],
  ): GPUBindGroup {
    let key = "";
    for (const { buffer, offset } of spans) key += `${numberOf(buffer)}+${offset} `;
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const entries = [
      { binding: 0, resource: { buffer: uniform } },
      ...spans.map(({ buffer, offset, length }, i) => ({
        binding: i + 1,
        resource: { buffer, offset, size: Math.max(length, 4) },
      })),
    ];
    const group = device.createBindGroup({ label, layout, entries });
    if (this.#kept.size === MAX_KEPT) this.#kept.clear();
    this.#kept.set(key, group);
    return group;
  }
}

const numbers = new WeakMap<GPUBuffer, number>();
let count = 0;

/** A number that no other buffer has or will have. */
function numberOf(buffer: GPUBuffer): number {
  let number = numbers.get(buffer);
  if (number === undefined) numbers.set(buffer, (number = count++));
  return number;
}
