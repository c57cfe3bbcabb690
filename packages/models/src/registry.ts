import { closest } from "fastest-levenshtein";
import type { Architecture } from "./define.ts";

/** A line a model: the `model_type` of its config, and the file that knows it. */
const architectures: Readonly<Record<string, () => Promise<Architecture>>> = {
  mamba: async () => (await import("./mamba.ts")).mamba,
  mamba2: async () => (await import("./mamba2.ts")).mamba2,
  "state-spaces/Mamba1": async () => (await import("./mamba.ts")).stateSpacesMamba,
  "state-spaces/Mamba2": async () => (await import("./mamba2.ts")).stateSpacesMamba2,
  "state-spaces/Mamba3": async () => (await import("./mamba3.ts")).stateSpacesMamba3,
  elapid: async () => (await import("./elapid.ts")).elapid,
};

/** The values of `model_type` that elapid knows. */
export const modelTypes: readonly string[] = Object.keys(architectures);

/**
 * `model_type` of a config. Configs of the original state-spaces format name none; theirs is
 * `state-spaces/` and the kind of layer, which the first release left out as it knew only Mamba-1.
 *
 * @throws TypeError if the config names no architecture.
 */
export function modelTypeOf(config: unknown, file: string): string {
  const json = (typeof config === "object" && config !== null ? config : {}) as Readonly<Record<string, unknown>>;
  if (typeof json.model_type === "string") return json.model_type;
  if (typeof json.d_model === "number" && "n_layer" in json) {
    const ssm = (json.ssm_cfg ?? {}) as Readonly<Record<string, unknown>>;
    return `state-spaces/${typeof ssm.layer === "string" ? ssm.layer : "Mamba1"}`;
  }
  throw new TypeError(`Cannot read "${file}": it has no "model_type"; known are ${list()}`);
}

/**
 * The architecture of that `model_type`.
 *
 * @throws TypeError that lists the known ones.
 */
export async function architectureOf(type: string, file: string): Promise<Architecture> {
  const load = Object.hasOwn(architectures, type) ? architectures[type] : undefined;
  if (load === undefined) {
    const near = closest(type, [...modelTypes]);
    throw new TypeError(
      `Cannot read "${file}": model_type "${type}" is unknown; known are ${list()}; the nearest is "${near}"`,
    );
  }
  return load();
}

function list(): string {
  return modelTypes.map((type) => `"${type}"`).join(", ");
}
