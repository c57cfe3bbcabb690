import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { strftime } from "./strftime.ts";

/** A message of a chat: a role and its content, and whatever else the model's template knows. */
export interface ChatMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly [key: string]: unknown;
}

/** What a chat template is given beside the messages. */
export interface ChatTemplateOptions {
  /** Ends the text with what opens the assistant's answer. Default false. */
  readonly addGenerationPrompt?: boolean;
  /** JSON schemas of the functions that the model may call. */
  readonly tools?: readonly unknown[];
  /** Documents to answer from, for templates that know them. */
  readonly documents?: readonly unknown[];
  /** Which template, where a model has more than one; "tool_use" is taken for tools if there is one, else "default". */
  readonly template?: string;
  /** More variables for the template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** Thrown when a chat does not suit the model's template: by the template itself, or because it cannot be rendered. */
export class ChatTemplateError extends Error {
  override readonly name = "ChatTemplateError";
  /** What the template said, without the words around it. */
  readonly reason: string;

  constructor(reason: string, options?: ErrorOptions) {
    super(`Cannot apply the chat template: ${reason}`, options);
    this.reason = reason;
  }
}

/** A Jinja template over messages, rendered as transformers renders it (`trim_blocks`, `lstrip_blocks`). */
export class ChatTemplate {
  readonly #program: ReturnType<typeof parse>;

  /** @throws SyntaxError if `source`, found in `file`, is not a template. */
  constructor(source: string, file: string) {
    try {
      this.#program = parse(tokenize(source, { trim_blocks: true, lstrip_blocks: true }));
    } catch (cause) {
      throw new SyntaxError(`Cannot read "${file}": the chat template is malformed: ${messageOf(cause)}`, { cause });
    }
  }

  /** Renders the template over `variables`. @throws ChatTemplateError if it raises an exception or fails. */
  render(variables: Readonly<Record<string, unknown>>): string {
    try {
      const environment = new Environment();
      for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
      return String(new Interpreter(environment).run(this.#program).value);
    } catch (cause) {
      throw cause instanceof ChatTemplateError ? cause : new ChatTemplateError(messageOf(cause), { cause });
    }
  }
}

const globals = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range,
  raise_exception: (reason: unknown) => {
    throw new ChatTemplateError(String(reason));
  },
  // the library's own names months in the language of the machine
  strftime_now: (format: string) => strftime(new Date(), format),
};

function range(...bounds: number[]): number[] {
  const [start, stop, step = 1] = bounds.length === 1 ? [0, bounds[0]] : bounds;
  if (step === 0) throw new RangeError("range() needs a step other than 0");
  return Array.from({ length: Math.max(0, Math.ceil((stop - start) / step)) }, (_, i) => start + i * step);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
