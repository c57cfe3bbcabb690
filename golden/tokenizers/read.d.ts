/** The names of the tokenizers kept here. */
export declare function goldenTokenizerNames(): Promise<string[]>;
/** The parsed files of one of them. */
export declare function readGoldenTokenizer(name: string): Promise<{
    name: string;
    tokenizer: any;
    config: any;
    expected: any;
}>;
