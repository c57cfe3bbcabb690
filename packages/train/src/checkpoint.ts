import { openFile, openWeights, replaceFile, safetensorsPieces, type TensorData, type Weights } from "@elapid/loaders";
import type { Module } from "@elapid/nn";
import { formatShape, viewAs, type Tensor } from "@elapid/tensor";
import type { CarriedState, Layers } from "./carried-state.ts";
import type { BatchSource, DataPosition } from "./data.ts";
import type { Ema } from "./ema.ts";
import type { Optimiser } from "./optimiser.ts";

/** All that a run has to remember to go on as if it had never stopped. */
export interface TrainingRun {
  readonly model: Module;
  readonly optimiser: Optimiser;
  readonly data: Pick<BatchSource, "position">;
  readonly ema?: Ema | undefined;
  readonly carry?: CarriedState | undefined;
  /** What else the run has to remember, as JSON can say it; `loadCheckpoint` puts it here. */
  readonly notes?: Record<string, unknown>;
}

const FORMAT = "elapid training run, version 1";

/** Every tensor of a run by its name in the file. */
function tensorsOf({ model, optimiser, ema }: TrainingRun): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [path, parameter] of model.parameters()) tensors.set(`model.${path}`, parameter);
  for (const [name, tensor] of optimiser.state) tensors.set(`optimiser.${name}`, tensor);
  for (const [name, tensor] of ema?.state ?? []) tensors.set(name, tensor);
  return tensors;
}

/**
 * Writes a run to a file: parameters, what the optimiser and the moving average carry, steps taken, position in the data with
 * the seed of its order. The file is whole or not there: it is written under another name beside it, flushed to disk,
 * and then takes the place of the one before. Its format is safetensors.
 *
 * @throws Error if it cannot be written, a full disk for example; a checkpoint that was there stays as it was.
 */
export async function saveCheckpoint(path: string, run: TrainingRun): Promise<void> {
  const { stepCount } = run.optimiser;
  const metadata = {
    format: FORMAT,
    stepCount: String(stepCount),
    position: JSON.stringify(run.data.position),
    notes: JSON.stringify(run.notes ?? {}),
  };
  const tensors = new Map<string, TensorData>();
  for (const [name, tensor] of [...tensorsOf(run), ...(run.carry?.entries() ?? [])]) {
    tensors.set(name, { dtype: "f32", shape: tensor.shape, data: await tensor.data() });
  }
  await replaceFile(path, safetensorsPieces(tensors, metadata));
}

/**
 * Puts a run into the state that {@link saveCheckpoint} wrote: steps that follow are the same, bit for bit, as they would
 * have been. Model, optimiser, data and moving average are made as they were for the run that was saved.
 *
 * @throws SyntaxError if the file is damaged or no checkpoint of a run.
 * @throws TypeError if it is of another model or optimiser; nothing has been changed then.
 */
export async function loadCheckpoint(path: string, run: TrainingRun): Promise<void> {
  const weights = await openWeights(await openFile(path));
  try {
    const { stepCount, position, notes } = readMetadata(weights);
    const tensors = tensorsOf(run);
    checkTensors(weights, tensors, run.carry !== undefined);
    // throws if the data is not what the position was in
    run.data.position = position;
    const carried = run.carry && (await readCarried(weights, tensors));
    for (const [name, tensor] of tensors) {
      const values = viewAs("f32", await weights.read(name));
      tensor.assign(tensor.device.tensor(values, tensor.shape));
    }
    run.carry?.replace(carried);
    run.optimiser.stepCount = stepCount;
    Object.assign(run.notes ?? {}, notes);
  } finally {
    await weights.close();
  }
}

const CARRIED = /^carry\.(\d+)\.(\w+)$/;

/** States of layers; what is in the file says which there are, none before the first step. */
async function readCarried(weights: Weights, tensors: ReadonlyMap<string, Tensor>): Promise<Layers | undefined> {
  const [{ device }] = tensors.values();
  const layers: Record<string, Tensor>[] = [];
  for (const [path, { shape }] of weights.tensors) {
    const [, layer, name] = CARRIED.exec(path) ?? [];
    if (layer === undefined) continue;
    const values = viewAs("f32", await weights.read(path));
    (layers[Number(layer)] ??= {})[name] = device.tensor(values, shape);
  }
  return layers.length > 0 ? layers : undefined;
}

interface Progress {
  readonly stepCount: number;
  readonly position: DataPosition;
  readonly notes: Readonly<Record<string, unknown>>;
}

function readMetadata({ name, metadata }: Weights): Progress {
  if (metadata.format !== FORMAT) {
    throw new SyntaxError(`Cannot resume from "${name}": it is no checkpoint of a training run, or of another version`);
  }
  const stepCount = Number(metadata.stepCount);
  if (!Number.isInteger(stepCount) || stepCount < 0) {
    throw new SyntaxError(`Cannot resume from "${name}": its step count is "${metadata.stepCount}"`);
  }
  try {
    const { position, notes = "{}" } = metadata;
    return { stepCount, position: JSON.parse(position) as DataPosition, notes: JSON.parse(notes) as Progress["notes"] };
  } catch (cause) {
    throw new SyntaxError(`Cannot resume from "${name}": its position in the data cannot be read`, { cause });
  }
}

function checkTensors(weights: Weights, tensors: ReadonlyMap<string, Tensor>, carries: boolean): void {
  const refuse = (what: string) => new TypeError(`Cannot resume from "${weights.name}": ${what}`);
  for (const [name, { shape }] of tensors) {
    const stored = weights.tensors.get(name);
    if (stored === undefined) throw refuse(`"${name}" is missing; it is of another model, optimiser or average`);
    if (stored.dtype !== "f32" || formatShape(stored.shape) !== formatShape(shape)) {
      throw refuse(
        `"${name}" is ${stored.dtype} ${formatShape(stored.shape)} but f32 ${formatShape(shape)} was needed`,
      );
    }
  }
  for (const name of weights.tensors.keys()) {
    if (!tensors.has(name) && !(carries && CARRIED.test(name)))
      throw refuse(`"${name}" is not part of this run; it is of another model or optimiser`);
  }
}
