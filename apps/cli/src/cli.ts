import { Command as Parser, CommanderError, InvalidArgumentError } from "commander";
import manifest from "../package.json" with { type: "json" };
import { INTERRUPTED, UsageError, type Command, type Streams } from "./command.ts";
import { oneLine } from "./errors.ts";

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  generate: () => import("./commands/generate.ts"),
  score: () => import("./commands/score.ts"),
  inspect: () => import("./commands/inspect.ts"),
  train: () => import("./commands/train.ts"),
  tokenize: () => import("./commands/tokenize.ts"),
  convert: () => import("./commands/convert.ts"),
  doctor: () => import("./commands/doctor.ts"),
};

/**
 * The command `elapid`: gives the exit code, which is 2 for wrong usage, 1 for a failure and 130 when
 * the signal of the streams aborted the work.
 */
export async function main(args: readonly string[], streams: Streams): Promise<number> {
  const { stderr, signal } = streams;
  let exitCode = 0;
  const program = frame(new Parser("elapid"), streams)
    .usage("<command> [options]")
    .description("Runs and trains Mamba and other state-space models")
    .version(manifest.version, "-V, --version", "print the version")
    .configureHelp({ subcommandTerm: (command) => command.name() });

  // one command is loaded, or all where the help lists them
  const [first] = args;
  const wanted = first !== undefined && Object.hasOwn(commands, first) ? [first] : Object.keys(commands);
  for (const name of wanted) {
    const command = await commands[name]();
    const parser = frame(program.command(name), streams);
    declare(parser, command).action(async () => {
      const defaults = Object.entries(command.options).map(([key, option]) => [key, option.default]);
      exitCode = await command.run(
        { operands: parser.args, values: { ...Object.fromEntries(defaults), ...parser.opts() } },
        streams,
      );
    });
  }

  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (signal.aborted) return INTERRUPTED;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    stderr.write(`elapid: ${args.includes("--verbose") ? inspectable(error) : oneLine(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** What all parsers have in common: they write to the streams, and throw instead of exiting. */
function frame(parser: Parser, { stdout, stderr }: Streams): Parser {
  return parser
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      // commander puts its advice, such as the nearest option, on a second line
      outputError: (text, write) => write(`elapid: ${oneLine(text.replace(/^error: /, ""))}\n`),
    });
}

/** Tells a parser what a command takes. */
function declare(parser: Parser, { summary, operands, options }: Command): Parser {
  parser.description(summary).option("--verbose", "print where an error came from");
  if (operands) parser.arguments(operands);
  for (const [key, { summary, value, negated, parse, default: fallback }] of Object.entries(options)) {
    const name = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const option = parser.createOption(`--${negated ? "no-" : ""}${name}${value ? ` <${value}>` : ""}`, summary);
    if (typeof fallback === "string") option.default(fallback, fallback);
    if (parse) option.argParser((text, previous) => parsing(() => parse(text, previous ?? fallback)));
    parser.addOption(option);
  }
  return parser;
}

function parsing<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof UsageError ? new InvalidArgumentError(error.message) : error;
  }
}

function inspectable(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
