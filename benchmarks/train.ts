import { architectureOf, readConfig } from "@elapid/models";
import { seeded } from "@elapid/nn";
import { kernels as opsKernels } from "@elapid/ops/wasm";
import { kernels as scanKernels } from "@elapid/scan/wasm";
import { Device, randomSource } from "@elapid/tensor";
import { AdamW, TokenBatches, train } from "@elapid/train";
import { openWasm } from "@elapid/wasm";
import { printRows, rateRow } from "./report.ts";
import { median } from "./stats.ts";
import { TimedBackend, type OpTime } from "./timed-backend.ts";
import { findTorch, runTorch } from "./torch-peer.ts";

const THREADS = 2;
const ROUNDS = 7;
const STEPS = 4;
const BATCH = 8;
const TIME = 256;
const TOP = 10;

/** The sizes that `torch_mamba_step.py` has by default. */
const config = {
  model_type: "mamba",
  hidden_size: 256,
  intermediate_size: 512,
  num_hidden_layers: 4,
  state_size: 16,
  conv_kernel: 4,
  time_step_rank: 16,
  vocab_size: 4096,
  tie_word_embeddings: true,
};

export const summary = "a training step of a Mamba-1 model of 2.8M parameters beside PyTorch, and where its time goes";

/** Measures forward, backward, clipping and AdamW on WebAssembly; PyTorch runs in turns with it where there is one. */
export async function run({ json }: { readonly json: boolean }): Promise<void> {
  const backend = new TimedBackend(await openWasm({ kernels: [...opsKernels, ...scanKernels], threads: THREADS }));
  using device = new Device(backend);
  const { parameters, steps } = await openTraining(device);
  const python = await findTorch();
  const ours: number[] = [];
  const theirs: number[] = [];
  await steps(2); // compiles and warms caches, as the script does
  backend.takeTimes();
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(median(await steps(STEPS)));
    if (python === undefined) continue;
    const torch = runTorch(python, { threads: THREADS, steps: STEPS });
    if (torch.parameters !== parameters) {
      throw new Error(`PyTorch's model has ${torch.parameters} parameters but elapid's ${parameters}`);
    }
    theirs.push((BATCH * TIME) / torch.tokens_per_s);
  }
  const what = { work: `training step ${BATCH} x ${TIME}`, dtype: "f32", threads: THREADS, unit: "tokens/s" };
  const peerName = python === undefined ? "none: no Python here has PyTorch" : "PyTorch";
  printRows([rateRow({ ...what, peerName }, BATCH * TIME, ours, theirs)], json);
  if (!json) printTimes(backend.takeTimes(), ROUNDS * STEPS, ours);
}

/** The model and its optimiser on a device; `steps` gives the seconds of each of so many steps more. */
async function openTraining(device: Device) {
  const { configure } = await architectureOf("mamba", "config.json");
  const model = configure(readConfig(config, "config.json"))(seeded(device, 7));
  const optimiser = new AdamW(model.parameters(), { beta2: 0.999, weightDecay: 0.01 });
  const random = randomSource(7);
  const tokens = Int32Array.from({ length: 64 * TIME }, () => Math.floor(random.next() * config.vocab_size));
  const data = new TokenBatches(tokens, { batch: BATCH, time: TIME, seed: 7 });
  const steps = async (count: number) => {
    const seconds: number[] = [];
    await train({
      model,
      optimiser,
      data,
      schedule: () => 1e-3,
      steps: optimiser.stepCount + count,
      onStep: ({ milliseconds }) => void seconds.push(milliseconds / 1000),
    });
    return seconds;
  };
  return { parameters: [...model.parameters()].reduce((sum, [, { size }]) => sum + size, 0), steps };
}

function printTimes(times: readonly OpTime[], steps: number, seconds: readonly number[]): void {
  const step = 1000 * median(seconds);
  const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / steps;
  console.log(`where a step's ${step.toFixed(0)} ms go, ${total.toFixed(0)} ms of them in ops:`);
  console.table(
    times.slice(0, TOP).map(({ op, calls, milliseconds, by }) => ({
      op,
      by,
      calls: calls / steps,
      "ms a step": (milliseconds / steps).toFixed(1),
      share: `${((100 * milliseconds) / steps / total).toFixed(0)} %`,
    })),
  );
}
