import { load, type LanguageModel } from "elapid";
import { choice, flag, number, text, type Args, type Streams } from "./command.ts";
import { progressBar } from "./terminal.ts";

/** Options of every command that runs a model. */
export const modelOptions = {
  model: text("source", "folder, file, URL or package of the model", "@elapid/stories"),
  device: choice(["auto", "webgpu", "wasm", "host"], "where to run it", "auto"),
  threads: number("n", "threads of a WASM device", { min: 1, whole: true }),
  dtype: choice(["auto", "f32", "f16", "bf16", "q8", "q4"], "type of the weights on the device", "auto"),
  allowSoftware: flag("let --device webgpu take an adapter that runs on the CPU"),
};

/** Loads the model that the options name, with a progress bar on a terminal. */
export async function openModel(
  values: Args<typeof modelOptions>["values"],
  { stderr, signal }: Streams,
): Promise<LanguageModel> {
  const { model, device, threads, dtype, allowSoftware } = values;
  const bar = progressBar(stderr);
  try {
    const onNotice = (message: string) => void stderr.write(`elapid: ${message}\n`);
    return await load(model, { device, threads, dtype, allowSoftware, signal, onNotice, onProgress: bar.update });
  } finally {
    bar.stop();
  }
}

/** What a model runs on, for `--json`. */
export function deviceReport({ device, dtype }: LanguageModel) {
  const { kind, description, reason } = device;
  return { kind, description, reason, dtype };
}

/** What a model runs on, for people. */
export function deviceLine({ device, dtype }: LanguageModel): string {
  return `${device.description} (${device.reason}), ${dtype}`;
}
