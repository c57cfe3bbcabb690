import { UsageError, type Streams } from "./command.ts";
import { readText } from "./input.ts";

interface PromptSource {
  readonly operands: readonly string[];
  readonly promptFile: string | undefined;
  /** Every operand, or every line of a file, is a prompt of its own. */
  readonly batch: boolean;
}

/**
 * The prompts that the user gave: operands joined by spaces, a file, or standard input. None at all is
 * one empty prompt, from which a model starts a text of its own.
 */
export async function readPrompts(
  { operands, promptFile, batch }: PromptSource,
  streams: Streams,
): Promise<readonly string[]> {
  const files = [...operands.filter((operand) => operand === "-"), ...(promptFile === undefined ? [] : [promptFile])];
  if (files.length === 0) {
    if (!batch) return [operands.join(" ")];
    if (operands.length === 0) throw new UsageError("--batch needs prompts: operands, or a file with one in each line");
    return operands;
  }
  if (files.length > 1 || operands.length > (promptFile === undefined ? 1 : 0)) {
    throw new UsageError("the prompt comes from operands, standard input or --prompt-file; give one of them");
  }
  // the newline that ends a file is no part of the prompt
  const content = (await readText(files[0], streams)).replace(/\r?\n$/, "");
  return batch ? content.split(/\r?\n/).filter((line) => line !== "") : [content];
}
