import { DivergedError, loadCheckpoint } from "@elapid/train";
import { json, UsageError, type Args, type Streams } from "../command.ts";
import { modelOptions } from "../model-options.ts";
import { columns, grouped, trainingBar } from "../terminal.ts";
import { generationConfig, modelConfig } from "../training/config.ts";
import { fingerprint, makeTokenizer, readCorpus, readTokenizer } from "../training/corpus.ts";
import {
  createFolder,
  describeRun,
  exists,
  openLog,
  runFolder,
  settingsOf,
  withoutPartialFiles,
  type RunFolder,
} from "../training/run-folder.ts";
import { Session, type SessionOptions } from "../training/session.ts";
import { givenNames, resolveSettings, runOptions, settingOptions } from "../training/settings.ts";

export const name = "train";
export const summary = "Train a model on text, into a folder that elapid and transformers load";

const { device, threads, allowSoftware } = modelOptions;
export const options = { ...runOptions, ...settingOptions, device, threads, allowSoftware, json };

type Values = Args<typeof options>["values"];

export async function run({ values }: Args<typeof options>, streams: Streams): Promise<number> {
  const { stderr, signal } = streams;
  if (!values.out) throw new UsageError("--out is missing: the folder that the model goes to");
  const folder = runFolder(values.out);
  using _ = withoutPartialFiles(folder);
  const bar = trainingBar(stderr);
  let log: ((line: object) => Promise<void>) | undefined;
  using session = await openSession(values, folder, {
    signal,
    onNotice: (message) => bar.say(`elapid: ${message}`),
    onStep: async (report, steps) => {
      const speed = (1000 * report.tokens) / report.milliseconds;
      bar.update({ ...report, steps: steps ?? report.step, speed });
      await log?.(report);
    },
    onEvaluate: async (step, evaluation) => {
      const { loss, bitsPerByte } = evaluation;
      bar.say(`step ${step}: loss ${loss.toFixed(4)}, ${bitsPerByte.toFixed(4)} bits per byte`);
      await log?.({ step, evaluation });
    },
  });
  try {
    const { optimiser } = session;
    if (values.log !== undefined) log = await openLog(values.log, optimiser.stepCount);
    const start = optimiser.stepCount === 0 ? "" : `, from step ${optimiser.stepCount}`;
    bar.say(`${grouped(session.parameterCount)} parameters on ${session.device.description}${start}`);
    await session.run();
  } catch (error) {
    bar.stop();
    if (signal.aborted) {
      await session.save();
      bar.say(
        `stopped after step ${session.optimiser.stepCount}; go on with elapid train --resume --out ${folder.path}`,
      );
    }
    throw error instanceof DivergedError ? await withCheckpoint(error, folder) : error;
  }
  bar.stop();
  report(session, folder, values, streams);
  return 0;
}

/** A new run, or one where its checkpoint left it. */
async function openSession(
  values: Values,
  folder: RunFolder,
  hooks: Pick<SessionOptions, "signal" | "onNotice" | "onStep" | "onEvaluate">,
): Promise<Session> {
  const { resume, device, threads, allowSoftware } = values;
  const given = givenNames(values);
  if (resume && (given.length > 0 || values.config !== undefined)) {
    throw new UsageError(`--resume goes on with the settings of the run; leave out ${given.join(", ") || "--config"}`);
  }
  const settings = resume ? await settingsOf(folder) : await resolveSettings(values, values.config);
  if (!resume) await createFolder(folder);
  const { files, tokenizer } = resume ? await readTokenizer(folder.path) : await makeTokenizer(settings, hooks.signal);
  const corpus = await readCorpus(settings, tokenizer, hooks.signal);
  const config = modelConfig(settings, tokenizer);
  const data = fingerprint(corpus.tokens);
  const options = { ...hooks, device, threads, allowSoftware };
  const session = await Session.open({ settings, config, corpus, data, folder, options });
  try {
    if (!resume) {
      const described = {
        "config.json": config,
        "tokenizer.json": files.tokenizer,
        "tokenizer_config.json": files.config,
        "generation_config.json": generationConfig(tokenizer),
      };
      await describeRun(folder, described, settings);
    } else if (await exists(folder.checkpoint)) {
      await loadCheckpoint(folder.checkpoint, session);
      if (session.notes.data !== data) {
        throw new TypeError(
          `Cannot resume in "${folder.path}": ${settings.data.join(", ")} changed since it was saved`,
        );
      }
    }
    return session;
  } catch (error) {
    session[Symbol.dispose]();
    throw error;
  }
}

/** Says what is left after a run went wrong. */
async function withCheckpoint(error: DivergedError, { checkpoint }: RunFolder): Promise<Error> {
  const left = (await exists(checkpoint)) ? `its last good checkpoint is "${checkpoint}"` : "no checkpoint was due yet";
  return new Error(`${error.message}; ${left}`, { cause: error });
}

function report(session: Session, { path }: RunFolder, { json }: Values, { stdout }: Streams): void {
  const { optimiser, notes, parameterCount } = session;
  if (json) {
    const result = { out: path, steps: optimiser.stepCount, parameters: parameterCount, best: notes.best };
    stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const { best } = notes;
  stdout.write(
    columns([
      ["model", path],
      ["parameters", grouped(parameterCount)],
      ["steps", grouped(optimiser.stepCount)],
      ["loss", best === null ? "-" : `${best.loss.toFixed(4)} nats a token, after step ${best.step}`],
      ["bits per byte", best?.bitsPerByte.toFixed(4) ?? "-"],
    ]),
  );
}
