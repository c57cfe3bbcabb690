import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openModelFiles } from "@elapid/loaders";
import { seeded } from "@elapid/nn";
import { crossEntropy } from "@elapid/ops";
import { backends, expectClose } from "@elapid/testing";
import { Device, HostBackend, sum, valueAndGrad, type Tensor } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { mixerKinds } from "./blocks.ts";
import { readConfig } from "./config.ts";
import { elapid, languageModel, languageModelConfig, type Block, type LanguageModelConfig } from "./elapid.ts";
import { generateTokens } from "./generate.ts";
import { loadModel } from "./load.ts";
import { resolveOptions } from "./options.ts";
import { saveModel } from "./save.ts";
import { State } from "./state.ts";

const small: readonly Block[] = [
  { kind: "mamba", dState: 4 },
  { kind: "attention", nHeads: 4, nKvHeads: 2, headDim: 6, dIntermediate: 10 },
  { kind: "mamba2", dState: 4, headDim: 8 },
  { kind: "s4d", dState: 4 },
  { kind: "mamba3", dState: 8, headDim: 8 },
  "rnn",
  "gru",
];
const sizes = { vocabSize: 20, dModel: 16 };
const hybrids: readonly (readonly [string, LanguageModelConfig])[] = [
  ["of every kind", { ...sizes, blocks: small }],
  ["with sines of positions", { ...sizes, blocks: small, positions: "sinusoidal", norm: "layer" }],
  ["with learned positions", { ...sizes, blocks: small, positions: "learned", maxPositions: 12, tied: false }],
  ["of attention alone", { ...sizes, blocks: ["attention", "attention"], dIntermediate: 24, positions: "learned" }],
];
const packable = (config: LanguageModelConfig) => ({
  ...config,
  blocks: config.blocks.filter((block) => typeof block === "string" || block.kind !== "s4d"),
});
const TOKENS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5];
const ints = (device: Device, rows: readonly (readonly number[])[]) =>
  device.tensor(Int32Array.from(rows.flat()), [rows.length, rows[0].length]);

test("the hybrid of these tests has every kind of mixer", () =>
  expect(new Set(small.map((block) => (typeof block === "string" ? block : block.kind)))).toEqual(new Set(mixerKinds)));

describe.each(backends())("language model of blocks on $name", ({ device: open }) => {
  test.each(hybrids)(
    "%s gives for pieces what it gives for the sequence, and rows do not mix",
    async (_name, config) => {
      const device = await open();
      using _ = device.scope();
      const model = languageModel(config, seeded(device, 3));
      model.freeze();
      const rows = [TOKENS, TOKENS.toReversed()];
      const whole = model.forward(ints(device, rows));
      let layers: typeof whole.layers | undefined;
      for (const [from, to] of [
        [0, 4],
        [4, 5],
        [5, 11],
      ]) {
        const piece = model.forward(
          ints(
            device,
            rows.map((row) => row.slice(from, to)),
          ),
          { layers },
        );
        const label = `logits ${from} to ${to}`;
        expectClose(await piece.logits!.data(), await whole.logits!.slice(1, from, to).data(), {
          relative: 5e-5,
          label,
        });
        layers = piece.layers;
      }
      const alone = model.forward(ints(device, [rows[1]]));
      expect(await alone.logits!.data()).toEqual(await whole.logits!.slice(0, 1, 2).data());
      const stateless = model.forward(ints(device, rows), { states: false });
      expect(stateless.layers).toEqual([]);
      expectClose(await stateless.logits!.data(), await whole.logits!.data(), {
        relative: 5e-5,
        label: "without states",
      });
    },
  );

  test.each(hybrids)("%s, S4D apart, keeps packed sequences apart and looks past padding", async (_name, config) => {
    const device = await open();
    using _ = device.scope();
    const model = languageModel(packable(config), seeded(device, 3));
    const packed = model.forward(ints(device, [TOKENS]), {
      seqIdx: ints(device, [[0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]]),
      mask: ints(device, [[1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]]),
    });
    const parts = [
      [0, 3],
      [3, 7],
      [7, 9],
    ];
    const alone = parts.map(([from, to]) => model.forward(ints(device, [TOKENS.slice(from, to)])));
    for (const [i, [from, to]] of parts.entries()) {
      const got = await packed.logits!.slice(1, from, to).data();
      expectClose(got, await alone[i].logits!.data(), { relative: 5e-5, label: `sequence ${i}` });
    }
    const after = (layers: typeof packed.layers) => model.forward(ints(device, [[7, 8]]), { layers }).logits!.data();
    expectClose(await after(packed.layers), await after(alone[2].layers), {
      relative: 5e-5,
      label: "what comes after",
    });
  });

  test.each(hybrids)(
    "%s writes what the host writes with the same seed, prompts side by side",
    async (_name, config) => {
      const write = async (device: Device) => {
        using model = languageModel(config, seeded(device, 3));
        model.freeze();
        const before = device.liveBytes;
        const texts: number[][] = [[], [], []];
        const prompts = [[1, 2, 3], [4], [5, 6, 7, 8, 9]];
        const options = resolveOptions({ seed: 5, maxTokens: 6, temperature: 1 });
        // the second is done first
        const ends = ({ index }: { readonly index: number }) => index === 1 && texts[1].length === 2;
        for await (const { index, id } of generateTokens(model, device, prompts, options, ends)) texts[index].push(id);
        expect(device.liveBytes).toBe(before);
        return texts;
      };
      using host = new Device(new HostBackend());
      const texts = await write(await open());
      expect(texts).toEqual(await write(host));
      expect(texts.map(({ length }) => length)).toEqual([6, 2, 6]);
    },
  );
});

describe("a language model of blocks", () => {
  test.each(hybrids)("%s has the gradients of finite differences", async (_name, config) => {
    using device = new Device(new HostBackend());
    const model = languageModel(config, seeded(device, 3));
    const [ids, labels] = [ints(device, [TOKENS.slice(0, 6)]), ints(device, [TOKENS.slice(1, 7)])];
    const loss = () => sum(crossEntropy(model.forward(ids, { states: false }).logits!, labels));
    const parameters = Object.fromEntries(model.parameters());
    const { gradients } = valueAndGrad(loss, parameters);
    for (const [name, parameter] of Object.entries<Tensor>(parameters)) {
      const gradient = await gradients[name].data();
      const length = Math.hypot(...gradient);
      const values = (await parameter.data()).slice() as Float32Array;
      // along the gradient it rises as fast as the gradient is long
      const step = 1e-2 / Math.max(1, length);
      const at = async (by: number) => {
        const moved = values.map((value, i) => value + (by * gradient[i]) / (length || 1));
        parameter.assign(device.tensor(moved, parameter.shape));
        return (await loss().data())[0];
      };
      const slope = ((await at(step)) - (await at(-step))) / (2 * step);
      parameter.assign(device.tensor(values, parameter.shape));
      expectClose([slope], [length], { relative: 2e-2, absolute: 3e-3, label: `slope along ${name}` });
    }
  });

  test.each(hybrids)("%s is saved and loaded again", async (_name, config) => {
    using device = new Device(new HostBackend());
    const folder = join(await mkdtemp(join(tmpdir(), "elapid-")), "model");
    try {
      using model = languageModel(config, seeded(device, 3));
      await saveModel(folder, model, languageModelConfig(config));
      using lm = await loadModel(await openModelFiles(folder), device);
      expect(lm.modelType).toBe("elapid");
      const expected = await model.forward(ints(device, [TOKENS])).logits!.data();
      expect(await lm.model.forward(ints(device, [TOKENS])).logits!.data()).toEqual(expected);
    } finally {
      await rm(join(folder, ".."), { recursive: true });
    }
  });

  test("asks for kernels of what it is made of", () => {
    const parts = (config: LanguageModelConfig) => elapid.parts(readConfig(languageModelConfig(config), "config.json"));
    expect(parts({ ...sizes, blocks: ["mamba", "mamba", "attention"] })).toEqual([
      "causal-conv1d",
      "selective-scan",
      "attention",
    ]);
    expect(parts({ ...sizes, blocks: ["s4d"], positions: "sinusoidal" })).toEqual(["lti", "gelu", "attention"]);
  });

  test("a state of attention grows with its tokens, others do not", async () => {
    using device = new Device(new HostBackend());
    const bytes = (blocks: readonly Block[], time: number) => {
      const model = languageModel({ ...sizes, blocks }, seeded(device, 3));
      return new State(model.forward(device.zeros([1, time], "i32")).layers, time).byteLength;
    };
    expect(bytes(["attention"], 9) - bytes(["attention"], 8)).toBe(4 * (2 * 16 + 1));
    const others = small.filter((block) => typeof block === "string" || block.kind !== "attention");
    expect(bytes(others, 9)).toBe(bytes(others, 8));
  });

  test("names what its config has wrong", () => {
    const read = (blocks: unknown) => () =>
      elapid.configure(readConfig({ vocab_size: 20, hidden_size: 16, blocks }, "config.json"));
    expect(read("mamba")).toThrow('"blocks" must be a list of at most 4096 blocks');
    expect(read(["mamba", "mambo"])).toThrow(
      '"blocks[1]" is "mambo" but one of "mamba", "mamba2", "mamba3", "attention", "s4d", "rnn", "gru" was needed',
    );
    expect(read([{ kind: "mamba", dstate: 4 }])).toThrow(
      '"blocks[0]" of kind "mamba" has no size "dstate"; the nearest is "d_state"',
    );
    expect(read([{ kind: "attention", n_heads: 1.5 }])).toThrow(
      '"blocks[0].n_heads" is 1.5 but a whole number from 0 to 2147483647 was needed',
    );
  });

  test("refuses packed sequences where a block is S4D, and says what would do", () => {
    using device = new Device(new HostBackend());
    const model = languageModel({ ...sizes, blocks: ["s4d"] }, seeded(device, 3));
    expect(() => model.forward(ints(device, [[1, 2]]), { seqIdx: ints(device, [[0, 1]]) })).toThrow(
      "Cannot run S4D: it has no support for packed sequences (seqIdx); give sequences that stand alone",
    );
  });
});
