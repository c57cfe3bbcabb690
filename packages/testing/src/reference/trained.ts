import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LanguageModel } from "@elapid/models";
import type { Device } from "@elapid/tensor";
import { difference } from "../close.ts";
import { readSafetensors } from "../safetensors.ts";
import { compareGreedy } from "./checkpoint-aspects.ts";
import { openModel } from "./checkpoints.ts";
import { foldersIn } from "./folders.ts";
import { worst, type Check, type Comparison } from "./report.ts";

interface ExpectedText {
  readonly first_document: { readonly text: string; readonly ids: readonly number[]; readonly nll: number };
  readonly greedy: { readonly ids: readonly number[]; readonly text: string; readonly margins: readonly number[] };
}

type Aspect = (lm: LanguageModel, expected: ExpectedText, folder: string) => Promise<Comparison[]>;

const aspects: Readonly<Record<string, Aspect>> = {
  logits: async (lm, _expected, folder) => {
    const tensors = readSafetensors(join(folder, "expected.safetensors"));
    const { logits, state } = lm.forward([[...tensors.get("input_ids")!.data]]);
    const actual = await logits.data();
    logits.dispose();
    state.dispose();
    return [{ what: "logits", ...difference(actual, tensors.get("logits")!.data, { relative: 3e-5, absolute: 0 }) }];
  },

  nll: async (lm, { first_document: { ids, nll } }) => {
    const score = await lm.score(ids);
    return [{ what: "negative log-likelihood", error: Math.abs(score.nll - nll), tolerance: 1e-4 * nll }];
  },

  greedy: async (lm, { greedy: { ids, margins } }) => {
    const prompt = ids.slice(0, ids.length - margins.length);
    return [await compareGreedy(lm, prompt, ids.slice(prompt.length))];
  },

  tokenizer: async ({ tokenizer }, { first_document: { text, ids }, greedy }) => {
    // the document is fed behind the token that begins a text
    const encoded = tokenizer!.encode(text, { specialTokens: false });
    const written = tokenizer!.decode(greedy.ids, { skipSpecialTokens: true });
    return [
      { what: "ids of the first document", error: `${encoded}` === `${ids.slice(1)}` ? 0 : 1, tolerance: 0 },
      { what: "text of the greedy tokens", error: written === greedy.text ? 0 : 1, tolerance: 0 },
    ];
  },
};

/** Checks the models of the tree that were really trained. */
export async function* checkTrained(directory: string, device: Device): AsyncGenerator<Check> {
  const root = join(directory, "trained");
  for (const name of foldersIn(root)) {
    const folder = join(root, name);
    const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as ExpectedText;
    const lm = await openModel(folder, device);
    const check = (aspect: string, outcome: Check["outcome"]): Check => ({
      id: `trained/${name}:${aspect}`,
      group: name,
      outcome,
    });
    for (const [aspect, compare] of Object.entries(aspects)) {
      if (lm instanceof Error) yield check(aspect, { kind: "failed", what: lm.message });
      else {
        const outcome = await compare(lm, expected, folder).then(
          worst,
          (error: Error) => ({ kind: "failed", what: error.message }) as const,
        );
        yield check(aspect, outcome);
      }
    }
    yield check("valid", { kind: "unsupported", why: "the tree does not hold the validation stories" });
    if (!(lm instanceof Error)) lm.dispose();
  }
}
