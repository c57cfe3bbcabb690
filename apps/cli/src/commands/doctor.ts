import {
  load,
  openDevice,
  probeAdapter,
  UnsupportedError,
  type AdapterReport,
  type Device,
  type DeviceKind,
} from "elapid";
import { availableParallelism, freemem, totalmem } from "node:os";
import manifest from "../../package.json" with { type: "json" };
import { flag, json, type Args, type Streams } from "../command.ts";
import { oneLine } from "../errors.ts";
import { bytes, columns } from "../terminal.ts";

export const name = "doctor";
export const summary = "Say what this machine offers, and whether each device computes right";

export const options = {
  allowSoftware: flag("check WebGPU on an adapter that runs on the CPU too"),
  json,
};

interface Check {
  readonly kind: DeviceKind;
  /** `unavailable` if the device does not exist here, which is no failure. */
  readonly status: "right" | "wrong" | "unavailable";
  /** The device, or why there is none. */
  readonly description: string;
  /** Largest difference from the host, over the largest logit. */
  readonly error?: number;
}

interface Report {
  readonly elapid: string;
  readonly runtime: string;
  readonly platform: string;
  readonly cores: number;
  /** Bytes of the machine, and the most that a WASM device addresses. */
  readonly memory: { readonly total: number; readonly free: number; readonly wasm: number };
  readonly webgpu: Pick<AdapterReport, "reason" | "features" | "limits">;
  readonly devices: readonly Check[];
  /** What `--device auto` takes, and why. */
  readonly auto: { readonly kind: DeviceKind; readonly description: string; readonly reason: string };
}

/** Tokens that the check runs the embedded model over. */
const IDS = [[0, 433, 443, 259, 403, 12, 407, 283]];
/** What 32-bit addresses reach. */
const WASM_BYTES = 2 ** 32;
/** Float32 sums in another order differ by less; a broken kernel by more. */
const TOLERANCE = 1e-4;

export async function run({ values }: Args<typeof options>, { stdout, signal }: Streams): Promise<number> {
  const { allowSoftware } = values;
  using host = await openDevice("host");
  const expected = await logitsOn(host, signal);
  const devices: Check[] = [{ kind: "host", status: "right", description: host.description }];
  for (const kind of ["wasm", "webgpu"] as const) devices.push(await check(kind, allowSoftware, expected, signal));
  using chosen = await openDevice("auto");
  const { reason, features, limits } = await probeAdapter();

  const report: Report = {
    elapid: manifest.version,
    runtime: runtimeName(),
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    memory: { total: totalmem(), free: freemem(), wasm: WASM_BYTES },
    webgpu: { reason, features, limits },
    devices,
    auto: { kind: chosen.kind, description: chosen.description, reason: chosen.reason },
  };
  stdout.write(values.json ? `${JSON.stringify(report)}\n` : table(report));
  return devices.some(({ status }) => status === "wrong") ? 1 : 0;
}

async function check(
  kind: DeviceKind,
  allowSoftware: boolean,
  expected: Float32Array,
  signal: AbortSignal,
): Promise<Check> {
  try {
    using device = await openDevice(kind, { allowSoftware });
    const { description } = device;
    const actual = await logitsOn(device, signal);
    const peak = expected.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
    const error = expected.reduce((most, logit, i) => Math.max(most, Math.abs(logit - actual[i])), 0) / peak;
    // a NaN is not below the tolerance either
    return { kind, status: error < TOLERANCE ? "right" : "wrong", description, error };
  } catch (error) {
    signal.throwIfAborted();
    return {
      kind,
      status: error instanceof UnsupportedError ? "unavailable" : "wrong",
      description: oneLine(error).replace(/^Cannot open [^:]*: /, ""),
    };
  }
}

/** Logits of the embedded model: every kernel that generation needs has its part in them. */
async function logitsOn(device: Device, signal: AbortSignal): Promise<Float32Array> {
  using model = await load("@elapid/stories", { device, signal });
  const { logits, state } = model.forward(IDS);
  try {
    return (await logits.data()) as Float32Array;
  } finally {
    logits.dispose();
    state.dispose();
  }
}

function runtimeName(): string {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  return bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node ${node}`;
}

function table({ elapid, runtime, platform, cores, memory, devices, auto }: Report): string {
  return columns([
    ["elapid", elapid],
    ["runtime", `${runtime}, ${platform}`],
    ["cores", String(cores)],
    ["memory", `${bytes(memory.total)}, ${bytes(memory.free)} free; a WASM device takes ${bytes(memory.wasm)} at most`],
    ...devices.map(
      ({ kind, status, description, error }) => [kind, `${verdict(status, error)}; ${description}`] as const,
    ),
    ["auto", `takes ${auto.kind}: ${auto.reason}`],
  ]);
}

function verdict(status: Check["status"], error?: number): string {
  const distance = error === undefined ? "" : `, ${error.toExponential(1)} from the host`;
  return status + distance;
}
