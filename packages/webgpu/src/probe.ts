import { classify, computes, findAdapter, requestDevice, type AdapterOptions } from "./adapter.ts";

/** What `probeAdapter` found. */
export interface AdapterReport {
  /** An adapter that computes is there, software or not. */
  readonly available: boolean;
  /** It is there, computes, and is a GPU. */
  readonly hardware: boolean;
  readonly software: boolean;
  readonly nullBackend: boolean;
  /** Vendor, architecture, device and driver; empty where there is none. */
  readonly description: string;
  /** One line for people: what was found, or what is missing. */
  readonly reason: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
] as const;

/**
 * Looks at the adapter that `openWebGpu` would take, and lets it compute a little. It never throws: what is
 * missing is the `reason`.
 *
 * ```ts
 * const { hardware, reason } = await probeAdapter();
 * ```
 */
export async function probeAdapter(options: AdapterOptions = {}): Promise<AdapterReport> {
  const absent = {
    available: false,
    hardware: false,
    software: false,
    nullBackend: false,
    description: "",
    features: [],
    limits: {},
  };
  try {
    const adapter = await findAdapter(options);
    const kind = classify(adapter.info);
    const { description, software } = kind;
    const features = [...adapter.features].toSorted();
    const limits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
    const device = await requestDevice(adapter);
    const nullBackend = kind.nullBackend || !(await computes(device));
    device.destroy();
    const reason = nullBackend
      ? `the WebGPU adapter "${description}" computes nothing`
      : software
        ? `the WebGPU adapter "${description}" is software`
        : `a WebGPU adapter was found: ${description}`;
    return {
      available: !nullBackend,
      hardware: !nullBackend && !software,
      software,
      nullBackend,
      description,
      reason,
      features,
      limits,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { ...absent, reason: message.replace(/^Cannot open /, "") };
  }
}
