/** A model that comes as a package: the files that a folder on disk would hold, each by its URL. */
export interface PackagedModel {
  readonly name: string;
  readonly files: Readonly<Record<string, URL>>;
}

/**
 * A Mamba-1 of 1.4 million parameters that writes short stories in simple English.
 *
 * ```ts
 * using lm = await load(stories);
 * for await (const piece of lm.generate("Once upon a time")) process.stdout.write(piece);
 * ```
 */
export const stories: PackagedModel = {
  name: "@elapid/stories",
  // each URL is spelled out, so that bundlers see the file and bring it along
  files: {
    "config.json": new URL("../model/config.json", import.meta.url),
    "generation_config.json": new URL("../model/generation_config.json", import.meta.url),
    "model.safetensors": new URL("../model/model.safetensors", import.meta.url),
    "tokenizer.json": new URL("../model/tokenizer.json", import.meta.url),
    "tokenizer_config.json": new URL("../model/tokenizer_config.json", import.meta.url),
  },
};
