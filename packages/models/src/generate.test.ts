import { join } from "node:path";
import { openModelFiles } from "@elapid/loaders";
import { seeded } from "@elapid/nn";
import { Device } from "@elapid/tensor";
import { backends, testedBackends } from "@elapid/testing";
import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { generateTokens } from "./generate.ts";
import type { LanguageModel } from "./language-model.ts";
import { loadModel } from "./load.ts";
import { argmax } from "./sample.ts";
import { resolveOptions, type GenerateOptions } from "./options.ts";
import { architectureOf } from "./registry.ts";

const folder = join(import.meta.dirname, "../../../golden/checkpoints/ss-mamba1-mlp");
const open = async (device: Device) => loadModel(await openModelFiles(folder), device);

/** Ids that each prompt is continued with. */
async function continued(
  { model, device }: LanguageModel,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
  ends: (index: number, count: number) => boolean = () => false,
): Promise<number[][]> {
  const out = prompts.map((): number[] => []);
  const finished = ({ index }: { index: number }) => ends(index, out[index].length);
  for await (const { index, id } of generateTokens(model, device, prompts, resolveOptions(options), finished))
    out[index].push(id);
  return out;
}

describe.each(backends())("generateTokens on $name", ({ device }) => {
  test("the same seed gives the same tokens, another seed gives others", async () => {
    using lm = await open(await device());
    const [a] = await continued(lm, [[1, 2, 3]], { seed: 5, maxTokens: 12 });
    const [b] = await continued(lm, [[1, 2, 3]], { seed: 5, maxTokens: 12 });
    const [c] = await continued(lm, [[1, 2, 3]], { seed: 6, maxTokens: 12 });
    expect(a).toHaveLength(12);
    expect(b).toEqual(a);
    expect(c).not.toEqual(a);
  });

  test("the likeliest tokens are those that a forward pass gives", async () => {
    using lm = await open(await device());
    const [ids] = await continued(lm, [[1, 2, 3]], { temperature: 0, maxTokens: 6 });
    for (let count = 0; count < ids.length; count++) {
      const { logits, state } = lm.forward([[1, 2, 3, ...ids.slice(0, count)]], { logits: "last" });
      expect(ids[count]).toBe(argmax((await logits.data()) as Float32Array));
      logits.dispose();
      state.dispose();
    }
  });

  test("what a prompt becomes does not depend on the prompts beside it", async () => {
    using lm = await open(await device());
    const prompts = Array.from({ length: 10 }, (_, i) =>
      Array.from({ length: 1 + 3 * i }, (_, t) => (7 * i + t) % 200),
    );
    const together = await continued(lm, prompts, { seed: 9, maxTokens: 6 });
    for (const [i, prompt] of prompts.entries()) {
      expect((await continued(lm, [prompt], { seed: 9, maxTokens: 6 }))[0]).toEqual(together[i]);
    }
  });

  test("a sequence that ends leaves the others as they were", async () => {
    using lm = await open(await device());
    const prompts = [[1], [2], [3]];
    const whole = await continued(lm, prompts, { seed: 2, maxTokens: 8 });
    const cut = await continued(lm, prompts, { seed: 2, maxTokens: 8 }, (index, count) => index === 1 && count === 3);
    expect(cut).toEqual([whole[0], whole[1].slice(0, 3), whole[2]]);
  });

  test("a prompt longer than a piece is read to its end", async () => {
    using lm = await open(await device());
    const prompt = Array.from({ length: 300 }, (_, i) => (i * 31) % 250);
    const [id] = (await continued(lm, [prompt], { temperature: 0, maxTokens: 1 }))[0];
    const { logits, state } = lm.forward([prompt], { logits: "last" });
    const values = await logits.data();
    logits.dispose();
    state.dispose();
    expect(values[id]).toBe(Math.max(...values));
  });

  test("an abort ends it within a token, and everything is given back", async () => {
    const opened = await device();
    using lm = await open(opened);
    const live = opened.liveBytes;
    const stop = new AbortController();
    const tokens = generateTokens(lm.model, opened, [[1], [2]], resolveOptions({ signal: stop.signal }), () => false);
    let count = 0;
    const reading = (async () => {
      for await (const _ of tokens) if (++count === 6) stop.abort(new Error("enough"));
    })();
    await expect(reading).rejects.toThrow("enough");
    expect(count).toBe(6);
    expect(opened.liveBytes).toBe(live);
  });

  test("an abort in the middle of a long prompt gives everything back", async () => {
    const opened = await device();
    using lm = await open(opened);
    const live = opened.liveBytes;
    const stop = new AbortController();
    const options = resolveOptions({ signal: stop.signal });
    const tokens = generateTokens(lm.model, opened, [Array<number>(300).fill(1)], options, () => false);
    const first = tokens.next();
    stop.abort(new Error("too long"));
    await expect(first).rejects.toThrow("too long");
    expect(opened.liveBytes).toBe(live);
  });

  test("a consumer that walks away leaves nothing behind", async () => {
    const opened = await device();
    using lm = await open(opened);
    const live = opened.liveBytes;
    for (const walkAfter of [1, 2, 5]) {
      let count = 0;
      for await (const _ of generateTokens(lm.model, opened, [[1], [2]], resolveOptions({}), () => false)) {
        if (++count === walkAfter) break;
      }
    }
    expect(opened.liveBytes).toBe(live);
  });

  test("no tokens are asked for, none are made", async () => {
    using lm = await open(await device());
    expect(await continued(lm, [[1]], { maxTokens: 0 })).toEqual([[]]);
  });
});

test.each(testedBackends)(
  "a thousand generations of 20 tokens on $name end with the live bytes they began with",
  { timeout: 300_000 },
  async (backend) => {
    // the smallest model there is, and outputs that are not poisoned: a software adapter takes a while for each command
    using opened = new Device(await backend.open(), { strict: true });
    const { configure } = await architectureOf("mamba", "config.json");
    const config = { hidden_size: 8, num_hidden_layers: 1, vocab_size: 12, state_size: 4 };
    using model = configure(readConfig(config, "config.json"))(seeded(opened, 1));
    model.freeze();
    const live = opened.liveBytes;
    const batch = Array.from({ length: 8 }, (_, i) => [i + 1]);
    let count = 0;
    for (let done = 0; done < 1000; done += batch.length) {
      const options = resolveOptions({ seed: done, maxTokens: 20 });
      for await (const _ of generateTokens(model, opened, batch, options, () => false)) count++;
    }
    expect(count).toBe(20_000);
    expect(opened.liveBytes).toBe(live);
  },
);
