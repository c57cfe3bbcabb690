export { byteTokenizer, type ByteTokenizerOptions } from "./byte-tokenizer.ts";
export { ChatTemplateError, type ChatMessage, type ChatTemplateOptions } from "./chat-template.ts";
export { createTokenizer, type TokenizerFiles } from "./create-tokenizer.ts";
export type { StreamDecoder } from "./stream.ts";
export type { DecodeOptions, EncodeOptions, PairEncoding, Tokenizer } from "./tokenizer.ts";
export { trainBpe, type BpeTokenizerJson, type TrainBpeOptions } from "./train-bpe.ts";
