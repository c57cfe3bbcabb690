import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { install } from "../../scripts/setup.mjs";
import { randomSource, type RandomSource } from "@elapid/tensor";
import { resample, trimmed } from "./resample.ts";
import type { Signals } from "../signals/signals.ts";

const WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const ACCENTS = ["en", "en-us", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-gb-x-rp", "en-029"];
/** Voices of eSpeak NG: those that train, and those that are kept for the test. */
const SPEAKERS = {
  train: ["m1", "m2", "m4", "m5", "m7", "f1", "f2", "f4", "klatt", "Andy", "Gene", "linda", "steph"],
  test: ["m3", "m6", "f3", "f5", "Annie", "Lee"],
} as const;

/** Samples a second. */
const RATE = 4000;

export interface DigitsOptions {
  readonly voices: keyof typeof SPEAKERS;
  readonly count: number;
  /** Samples of a signal; a word that is longer is cut at its end. */
  readonly time: number;
  readonly seed: number;
}

/** What is used of eSpeak NG, compiled to WebAssembly. */
interface Speaker {
  readonly samplerate: number;
  rate: number;
  pitch: number;
  set_voice(name: string): number;
  synthesize(text: string, take: (samples: Int16Array | undefined) => boolean): void;
}

/**
 * Spoken digits, made by eSpeak NG: an accent, a voice, a speed and a pitch drawn for each, at {@link RATE}, with a little
 * noise, the word somewhere in the signal. Test voices are never heard in training.
 */
export async function spokenDigits({ voices, count, time, seed }: DigitsOptions): Promise<Signals> {
  const speaker = await openSpeaker();
  const random = randomSource(seed);
  const values = new Float32Array(count * time);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const digit = i % WORDS.length;
    labels[i] = digit;
    values.set(place(say(speaker, WORDS[digit], pick(SPEAKERS[voices], random), random), time, random), i * time);
  }
  return { classes: WORDS.length, time, values, labels };
}

async function openSpeaker(): Promise<Speaker> {
  const folder = join(import.meta.dirname, "..");
  install(folder, "the speech synthesiser");
  const file = join(folder, "node_modules/@echogarden/espeak-ng-emscripten/espeak-ng.js");
  const { default: open } = (await import(pathToFileURL(file).href)) as {
    default: () => Promise<{ readonly eSpeakNGWorker: new () => Speaker }>;
  };
  const { eSpeakNGWorker } = await open();
  return new eSpeakNGWorker();
}

/** One word, from its first sound to its last, as loud as all others. */
function say(speaker: Speaker, word: string, voice: string, random: RandomSource): Float32Array {
  const name = `${pick(ACCENTS, random)}+${voice}`;
  if (speaker.set_voice(name) !== 0) throw new Error(`Cannot speak: eSpeak NG has no voice "${name}"`);
  speaker.rate = 220 + Math.floor(random.next() * 140); // words a minute
  speaker.pitch = 30 + Math.floor(random.next() * 40);
  const pieces: Int16Array[] = [];
  speaker.synthesize(word, (samples) => {
    if (samples !== undefined) pieces.push(samples);
    return false;
  });
  const spoken = Float32Array.from(pieces.flatMap((piece) => [...piece]));
  const loudest = spoken.reduce((peak, x) => Math.max(peak, Math.abs(x)), 1);
  return trimmed(
    resample(
      spoken.map((x) => x / loudest),
      speaker.samplerate,
      RATE,
    ),
    0.02,
  );
}

/** A word somewhere in a signal of `time` samples, with noise of a fiftieth of its peak. */
function place(word: Float32Array, time: number, random: RandomSource): Float32Array {
  const signal = Float32Array.from({ length: time }, () => 0.04 * (random.next() - 0.5));
  const room = Math.max(0, time - word.length);
  const start = Math.floor(random.next() * room);
  for (let i = 0; i < Math.min(time, word.length); i++) signal[start + i] += word[i];
  return signal;
}

function pick<T>(choices: readonly T[], random: RandomSource): T {
  return choices[Math.floor(random.next() * choices.length)];
}
