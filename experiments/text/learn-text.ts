import type { Device } from "@elapid/tensor";
import { AdamW, cosineSchedule, evaluateLoss, TokenBatches, train, type NextTokenModel } from "@elapid/train";
import { seeded, type Init } from "@elapid/nn";
import { parameterCount } from "../learning/learn.ts";
import type { Corpus } from "./corpus.ts";

export interface LearnTextOptions {
  readonly corpus: Corpus;
  readonly make: (init: Init) => NextTokenModel;
  readonly seed: number;
  readonly steps: number;
  readonly batch: number;
  readonly time: number;
  readonly lr: number;
}

/** What a model made of a text. */
export interface LearnedText {
  readonly seed: number;
  readonly parameters: number;
  /** Nats a token of text that it has not seen. */
  readonly loss: number;
  readonly bitsPerByte: number;
  readonly tokens: number;
  readonly seconds: number;
}

/** Trains a model on a text for a number of steps; same steps, same windows, same schedule for whoever is compared. */
export async function learnText(device: Device, options: LearnTextOptions): Promise<LearnedText> {
  const { corpus, make, seed, steps, batch, time, lr } = options;
  const model = make(seeded(device, seed));
  using optimiser = new AdamW(model.parameters(), { weightDecay: 0.1 });
  const data = new TokenBatches(corpus.training, { batch, time, seed });
  const schedule = cosineSchedule({ peak: lr, steps, warmup: Math.ceil(steps / 20), floor: lr / 10 });
  const start = performance.now();
  await train({ model, data, optimiser, schedule, steps });
  const seconds = (performance.now() - start) / 1000;
  const loss = await evaluateLoss(model, new TokenBatches(corpus.validation, { batch, time }).inOrder());
  const bitsPerByte = loss / Math.LN2 / corpus.bytesPerToken;
  return { seed, parameters: parameterCount(model), loss, bitsPerByte, tokens: steps * batch * time, seconds };
}
