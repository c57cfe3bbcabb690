import { Device, HostBackend } from "@elapid/tensor";
import type { Run } from "./backends.ts";
import { PoisoningBackend } from "./poison.ts";
import { runArrays } from "./run.ts";

const device = new Device(new PoisoningBackend(new HostBackend()));

/** The oracle: runs an op's reference. */
export const host: { readonly run: Run } = { run: (...call) => runArrays(device, ...call) };
