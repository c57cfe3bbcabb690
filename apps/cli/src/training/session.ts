import { openDevice, type DeviceKind } from "elapid";
import { architectureOf, checkpointName, readConfig, type Architecture, type CausalModel } from "@elapid/models";
import { seeded } from "@elapid/nn";
import {
  CarriedState,
  cosineSchedule,
  Ema,
  evaluateLoss,
  linearSchedule,
  saveCheckpoint,
  train,
  wsdSchedule,
  type Optimiser,
  type Schedule,
  type StepReport,
} from "@elapid/train";
import { saveTensors } from "../output.ts";
import { asItStarts } from "./config.ts";
import type { Corpus } from "./corpus.ts";
import { makeOptimiser } from "./optimiser.ts";
import type { RunFolder } from "./run-folder.ts";
import type { Settings } from "./settings.ts";

export interface Evaluation {
  /** Nats a token. */
  readonly loss: number;
  readonly bitsPerByte: number;
}

/** What a run remembers besides its tensors; saved in its checkpoint. */
export type Notes = {
  data: string;
  /** Settled by `minutes` after the first steps. */
  steps: number | null;
  best: (Evaluation & { readonly step: number }) | null;
  /** Evaluations since the best one. */
  waited: number;
};

export interface SessionOptions {
  readonly device: DeviceKind | "auto";
  readonly threads: number | undefined;
  readonly allowSoftware: boolean;
  readonly signal: AbortSignal;
  readonly onNotice: (message: string) => void;
  readonly onStep: (report: StepReport, steps: number | null) => Promise<void>;
  readonly onEvaluate: (step: number, evaluation: Evaluation) => Promise<void>;
}

/** Steps after which `minutes` settles how many there will be. */
const MEASURED = 5;

/** A model in training, with all that its checkpoint holds. */
export class Session {
  readonly model: CausalModel;
  readonly optimiser: Optimiser;
  readonly ema: Ema | undefined;
  readonly carry: CarriedState | undefined;
  readonly notes: Notes;
  readonly data: Corpus["training"];
  readonly #architecture: Architecture;
  readonly #parts: SessionParts;

  /** Opens the device and makes the model as it starts. */
  static async open(parts: Omit<SessionParts, "device" | "architecture">): Promise<Session> {
    const { config, options } = parts;
    const { device: kind, threads, allowSoftware, onNotice } = options;
    const architecture = await architectureOf(String(config.model_type), "config.json");
    const device = await openDevice(kind, { threads, allowSoftware, onNotice });
    return new Session({ ...parts, device, architecture });
  }

  private constructor(parts: SessionParts) {
    const { settings, config, corpus, data, device, architecture } = parts;
    this.#parts = parts;
    this.#architecture = architecture;
    this.model = architecture.configure(readConfig(asItStarts(config), "config.json"))(seeded(device, settings.seed));
    this.optimiser = makeOptimiser(settings.optimiser, this.model.parameters(), settings.weightDecay);
    this.ema = settings.ema === 0 ? undefined : new Ema(this.model.parameters(), settings.ema);
    this.carry = settings.carry === "on" ? new CarriedState() : undefined;
    this.data = corpus.training;
    this.notes = { data, steps: settings.minutes === undefined ? settings.steps : null, best: null, waited: 0 };
  }

  get device() {
    return this.#parts.device;
  }

  get parameterCount(): number {
    return [...this.model.parameters()].reduce((sum, [, { size }]) => sum + size, 0);
  }

  /** Trains to the end, or until the evaluation has not become better for long enough. */
  async run(): Promise<void> {
    const { settings, options } = this.#parts;
    const enough = new AbortController();
    const signal = AbortSignal.any([options.signal, enough.signal]);
    try {
      if (this.notes.steps === null) {
        const start = performance.now();
        const first = this.optimiser.stepCount;
        await this.#train(first + MEASURED, signal, enough);
        const each = (performance.now() - start) / 60_000 / MEASURED;
        this.notes.steps = first + Math.max(MEASURED + 1, Math.round(settings.minutes! / each));
      }
      await this.#train(this.notes.steps, signal, enough);
    } catch (error) {
      if (!enough.signal.aborted || options.signal.aborted) throw error;
    }
    if (this.#parts.corpus.evaluation === undefined) await this.#withAverages(() => this.saveModel());
    await this.save();
  }

  async save(): Promise<void> {
    await saveCheckpoint(this.#parts.folder.checkpoint, this);
  }

  /** Writes the weights under the names that transformers gives them. */
  async saveModel(): Promise<void> {
    const tensors = [...this.model.parameters()].map(async ([path, tensor]) => {
      const data = await tensor.data();
      return [checkpointName(path, this.#architecture.names), { dtype: "f32", shape: tensor.shape, data }] as const;
    });
    await saveTensors(this.#parts.folder.weights, new Map(await Promise.all(tensors)), { format: "pt" });
  }

  [Symbol.dispose](): void {
    this.device.dispose();
  }

  async #train(steps: number, signal: AbortSignal, enough: AbortController): Promise<void> {
    const { settings, options, corpus } = this.#parts;
    const { accumulate, clipNorm, evalEvery, saveEvery } = settings;
    const schedule = scheduleOf(settings, this.notes.steps ?? Infinity);
    const isLast = (step: number) => step === this.notes.steps;
    await train({
      model: this.model,
      optimiser: this.optimiser,
      ema: this.ema,
      carry: this.carry,
      data: this.data,
      schedule,
      steps,
      accumulate,
      clipNorm,
      recompute: settings.recompute === "on",
      signal,
      onStep: async (report) => {
        const { step } = report;
        await options.onStep(report, this.notes.steps);
        const isDue = step % evalEvery === 0 || isLast(step);
        if (isDue && corpus.evaluation !== undefined) await this.#withAverages(() => this.#evaluate(step, enough));
        if (step % saveEvery === 0) await this.save();
      },
    });
  }

  /** Does something with the averages in place of the parameters, where there are any. */
  async #withAverages(run: () => Promise<void>): Promise<void> {
    this.ema?.swap();
    try {
      await run();
    } finally {
      this.ema?.swap();
    }
  }

  async #evaluate(step: number, enough: AbortController): Promise<void> {
    const { settings, options, corpus } = this.#parts;
    const { batches, bytes } = corpus.evaluation!;
    const loss = await evaluateLoss(this.model, batches.inOrder());
    const evaluation = { loss, bitsPerByte: (loss * batches.windows * settings.time) / Math.LN2 / bytes };
    await options.onEvaluate(step, evaluation);
    if (this.notes.best === null || loss < this.notes.best.loss) {
      await this.saveModel();
      this.notes.best = { step, ...evaluation };
      this.notes.waited = 0;
    } else if (++this.notes.waited >= (settings.patience ?? Infinity)) enough.abort();
  }
}

interface SessionParts {
  readonly settings: Settings;
  readonly config: Readonly<Record<string, unknown>>;
  readonly corpus: Corpus;
  /** What tells its data from other data. */
  readonly data: string;
  readonly folder: RunFolder;
  readonly options: SessionOptions;
  readonly device: Awaited<ReturnType<typeof openDevice>>;
  readonly architecture: Architecture;
}

/** Before the number of steps is known, the rate goes up as it will, and stays. */
function scheduleOf({ schedule, lr: peak, warmup }: Settings, steps: number): Schedule {
  if (steps === Infinity) return (step) => peak * Math.min(1, (step + 1) / Math.max(1, warmup));
  const options = { peak, steps, warmup: Math.min(warmup, Math.floor(steps / 2)) };
  if (schedule === "cosine") return cosineSchedule(options);
  return schedule === "linear" ? linearSchedule(options) : wsdSchedule({ ...options, decay: Math.ceil(steps / 5) });
}
