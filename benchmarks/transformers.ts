import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convert, load } from "elapid";
import { randomSource } from "@elapid/tensor";
import type { BenchmarkOptions } from "./run.ts";
import { findPython } from "./torch-peer.ts";

/** What `transformers_peer.py` prints. */
interface Answer {
  readonly version: string;
  readonly model: string;
  /** Tensors that the file lacks, or has too many. */
  readonly misfits: readonly string[];
  readonly texts: readonly { readonly ids: readonly number[]; readonly text: string }[];
  readonly logits: readonly number[];
  readonly continued: string;
}

/** How far logits may be apart, as a share of the largest. */
const TOLERANCE = 1e-5;
const TOKENS = 40;
const PROMPT = "Tom saw a cat in the park. Mia hid";
const TEXTS = [
  PROMPT,
  "",
  "  two  spaces,\n\na tab\tand \r\n",
  "<|endoftext|>Tom<|endoftext|> hid.",
  "caf\u00e9 e\u0301 \u{1f642}\u200d \u65e5\u672c \0",
];

export const summary = "whether transformers loads what train and convert write, and computes the same";

/** Trains small models, converts them, and compares what transformers and elapid make of each folder. */
export async function run({ json }: BenchmarkOptions): Promise<void> {
  const python = findPython("torch", "transformers");
  if (python === undefined) {
    console.error("Cannot compare: no python3 here has torch and transformers; activate an environment with both");
    process.exitCode = 1;
    return;
  }
  const place = await mkdtemp(join(tmpdir(), "elapid-transformers-"));
  try {
    const rows = [];
    for await (const { name, folder } of folders(place)) rows.push({ name, ...(await compare(python, folder)) });
    if (json) console.log(JSON.stringify({ rows }));
    else console.table(rows.map(({ wrong, ...row }) => ({ ...row, wrong: wrong.join("; ") || "nothing" })));
    if (rows.some(({ wrong }) => wrong.length > 0)) process.exitCode = 1;
  } finally {
    await rm(place, { recursive: true });
  }
}

async function* folders(place: string): AsyncGenerator<{ readonly name: string; readonly folder: string }> {
  const data = join(place, "stories.txt");
  await writeFile(data, stories());
  for (const kind of ["mamba", "mamba2"]) {
    for (const tokenizer of ["train", "bytes"]) {
      const folder = join(place, `${kind}-${tokenizer}`);
      const sizes = ["--d-model", "32", "--layers", "2", "--batch", "4", "--time", "64", "--vocab", "400"];
      const rest = ["--kind", kind, "--tokenizer", tokenizer, "--steps", "60", "--device", "wasm"];
      const main = join(import.meta.dirname, "../apps/cli/src/main.ts");
      const command = ["--conditions=@elapid/source", main, "train", "--data", data, "--out", folder];
      execFileSync(process.execPath, [...command, ...sizes, ...rest], { stdio: ["ignore", "ignore", "inherit"] });
      yield { name: `${kind}, ${tokenizer === "train" ? "new tokenizer" : tokenizer}`, folder };
    }
    for (const dtype of ["f16", "bf16"] as const) {
      const folder = join(place, `${kind}-${dtype}`);
      await convert(join(place, `${kind}-train`), folder, { dtype });
      yield { name: `${kind}, converted to ${dtype}`, folder };
    }
  }
}

/** Sentences that a small model learns something of. */
function stories(): string {
  const random = randomSource(1);
  const pick = (words: readonly string[]) => words[Math.floor(random.next() * words.length)];
  const sentence = () =>
    `${pick(["Tom", "Mia", "Sam"])} ${pick(["saw", "hid", "found"])} ${pick(["a cat", "the key", "the cake"])} ${pick(["in the park", "at home", "by the river"])}.`;
  return Array.from({ length: 800 }, () => `${sentence()} ${sentence()} ${sentence()}`).join("<|endoftext|>");
}

async function compare(python: string, folder: string) {
  const asked = { folder, texts: TEXTS, prompt: PROMPT, tokens: TOKENS };
  const output = execFileSync(python, [join(import.meta.dirname, "transformers_peer.py")], {
    input: JSON.stringify(asked),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const theirs = JSON.parse(output) as Answer;
  const wrong = [...theirs.misfits];
  using lm = await load(folder, { device: "wasm" });
  const tokenizer = lm.tokenizer!;
  for (const [i, { ids, text }] of theirs.texts.entries()) {
    if (tokenizer.encode(TEXTS[i]).join(" ") !== ids.join(" ")) wrong.push(`ids of ${JSON.stringify(TEXTS[i])}`);
    if (text !== TEXTS[i] || tokenizer.decode(ids, { skipSpecialTokens: false }) !== text)
      wrong.push(`text of ${JSON.stringify(TEXTS[i])}`);
  }
  let peak = 0;
  let difference = 0;
  await lm.score(tokenizer.encode(PROMPT), {
    onLogits: (rows, start) =>
      rows.forEach((logit, i) => {
        const other = theirs.logits[start * lm.model.vocabSize + i];
        peak = Math.max(peak, Math.abs(other));
        difference = Math.max(difference, Math.abs(logit - other));
      }),
  });
  const error = difference / peak;
  if (!(error <= TOLERANCE)) wrong.push(`logits are ${error.toExponential(1)} apart`);
  let continued = "";
  for await (const piece of lm.generate(PROMPT, { temperature: 0, maxTokens: TOKENS })) continued += piece;
  if (continued !== theirs.continued) wrong.push(`greedy text is "${continued}" but "${theirs.continued}" there`);
  return {
    transformers: theirs.version,
    as: theirs.model,
    logits: error.toExponential(1),
    text: continued.length,
    wrong,
  };
}
