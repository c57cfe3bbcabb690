import { existsSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { load } from "elapid";

const WHO = [
  "a cat",
  "a dog",
  "a little girl",
  "a little boy",
  "a bird",
  "a bear",
  "a frog",
  "a rabbit",
  "a fish",
  "a duck",
];
const HOW = ["big", "happy", "sad", "brave", "curious", "kind", "tired", "funny"];
const BEGINNINGS = WHO.flatMap((who) =>
  HOW.map((how) => `Once upon a time, there was ${who.replace(/^a /, `a ${how} `)}.`),
);
const MAX_TOKENS = 250;

/**
 * Makes a file of stories that the embedded model writes: each beginning once for every seed, one JSON line a story. The same
 * arguments give the same stories, and a file that is there stays.
 */
export async function writeStories(
  file: string,
  { seeds, progress }: { readonly seeds: number; readonly progress: (line: string) => void },
): Promise<void> {
  if (existsSync(file)) return;
  using lm = await load("@elapid/stories", { device: "wasm" });
  const stories: string[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    progress(`the embedded model writes stories: ${stories.length} of ${seeds * BEGINNINGS.length}`);
    const texts = [...BEGINNINGS];
    const sampling = { seed, temperature: 1, topP: 1, topK: 0, maxTokens: MAX_TOKENS };
    for await (const { index, text } of lm.generate(BEGINNINGS, sampling)) texts[index] += text;
    stories.push(...texts);
  }
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.part`, `${stories.map((text) => JSON.stringify({ text })).join("\n")}\n`);
  await rename(`${file}.part`, file);
}
