import { kernels as opsKernels } from "@elapid/ops/wasm";
import { matmul } from "@elapid/ops";
import { ssd } from "@elapid/scan";
import { kernels as scanKernels } from "@elapid/scan/wasm";
import { kernels as gpuKernels } from "@elapid/scan/webgpu";
import { Device } from "@elapid/tensor";
import { openWasm } from "@elapid/wasm";
import { printRows, rateRow, type Row } from "./report.ts";
import {
  aroundLinearScan,
  filler,
  fused,
  gradients,
  randomScanInputs,
  stepByStep,
  type ScanForm,
  type ScanInputs,
  type Sizes,
} from "./scan-forms.ts";
import { interleave, median, spread } from "./stats.ts";
import { findTorch, runTorchScan } from "./torch-peer.ts";

const THREADS = 2;
const ROUNDS = 5;
/** What `torch_mamba_step.py` scans in each of its layers. */
const trained: Sizes = { batch: 8, time: 256, inner: 512, state: 16 };
/** One layer of the mamba-130m shape over a long text. */
const long: Sizes = { batch: 1, time: 4096, inner: 1536, state: 16 };

export const summary = "forward and backward of the scans: speed, threads, memory and how both grow with length";

/** Measures on WebAssembly; PyTorch runs in turns with it where there is one. */
export async function run({ json }: { readonly json: boolean }): Promise<void> {
  const rows = [...(await speed()), await memory(), ...(await growth()), ...(await chunkedMatmul()), ...traffic()];
  printRows(rows, json);
}

/** The selective scan beside itself on one thread, beside the same function in generic ops, and beside PyTorch. */
async function speed(): Promise<Row[]> {
  using two = await open(THREADS);
  using one = await open(1);
  const [inputsOfTwo, inputsOfOne] = [randomScanInputs(two, trained), randomScanInputs(one, trained)];
  const python = await findTorch();
  const torch: number[] = [];
  const [ours, alone, elementary, composed] = await interleave(ROUNDS, [
    () => differentiate(two, inputsOfTwo, fused),
    () => differentiate(one, inputsOfOne, fused),
    () => differentiate(two, inputsOfTwo, stepByStep),
    () => differentiate(two, inputsOfTwo, aroundLinearScan),
    () => void (python && torch.push(...runTorchScan(python, { ...trained, threads: THREADS, steps: 3 }))),
  ]);
  const { batch, time } = trained;
  const what = { dtype: "f32", threads: THREADS, unit: "positions/s" };
  const work = `selective scan, forward + backward, ${shapeOf(trained)}`;
  const peerName = python === undefined ? "none: no Python here has PyTorch" : "PyTorch Scan";
  return [
    rateRow({ ...what, work, peerName: "elementary ops, step by step" }, batch * time, ours, elementary),
    rateRow({ ...what, work, peerName: "elementary ops around a linear scan" }, batch * time, ours, composed),
    rateRow({ ...what, work, peerName }, batch * time, ours, torch),
    rateRow({ ...what, work, peerName: "1 thread" }, batch * time, ours, alone),
  ];
}

/** The most memory at once, beyond inputs and outputs, in units of `u`. A tensor "batch time inner state" is 16. */
async function memory(): Promise<Row> {
  using device = await open(THREADS);
  const elapid = await peakOf(device, long);
  return {
    work: `selective scan, peak memory beyond inputs and outputs, ${shapeOf(long)}`,
    dtype: "f32",
    threads: THREADS,
    elapid,
    peer: long.state,
    peerName: "one tensor of states",
    unit: "sizes of u",
    ratio: long.state / elapid,
    spread: 0,
  };
}

/** Time and memory of twice the length, to 2^17; both should double. */
async function growth(): Promise<Row[]> {
  const rows: Row[] = [];
  let before: { readonly peak: number; readonly seconds: readonly number[] } | undefined;
  for (let time = 2 ** 12; time <= 2 ** 17; time *= 2) {
    using device = await open(THREADS);
    const sizes = { batch: 1, time, inner: 64, state: 16 };
    const inputs = randomScanInputs(device, sizes);
    const [seconds] = await interleave(3, [() => differentiate(device, inputs, fused)]);
    const peak = device.peakBytes;
    if (before !== undefined) {
      const what = { dtype: "f32", threads: THREADS, peerName: "half the length", ratio: undefined };
      const work = `selective scan, forward + backward, ${shapeOf(sizes)}`;
      rows.push(
        {
          ...what,
          work,
          elapid: 1000 * median(seconds),
          peer: 1000 * median(before.seconds),
          unit: "ms",
          spread: spread(seconds),
        },
        {
          ...what,
          work: `${work}, peak memory`,
          elapid: peak / 2 ** 20,
          peer: before.peak / 2 ** 20,
          unit: "MiB",
          spread: 0,
        },
      );
    }
    before = { peak, seconds };
  }
  return rows;
}

/** The multiply-adds of the chunked form of SSD beside those of a matmul, in a second. */
async function chunkedMatmul(): Promise<Row[]> {
  using device = await open(THREADS);
  const [batch, time, heads, headDim, state, chunkSize] = [1, 2048, 24, 64, 128, 96];
  const random = filler(device);
  const u = random([batch, time, heads, headDim]);
  const delta = random([batch, time, heads], 0.001, 0.1);
  const A = random([heads], -16, -1);
  const [B, C] = [random([batch, time, 1, state]), random([batch, time, 1, state])];
  const [left, right] = [random([time, heads * headDim]), random([heads * headDim, heads * headDim])];
  const [scan, product] = await interleave(ROUNDS, [
    () => inScope(device, () => void ssd({ u, delta, A, B, C })),
    () => inScope(device, () => void matmul(left, right)),
  ]);
  // C Bᵀ and (C Bᵀ ∘ L) X inside a chunk, of which half is above the diagonal; B X and C times the state between chunks
  const scanned = time * heads * ((chunkSize / 2) * (state / heads + headDim) + 2 * state * headDim);
  const multiplied = time * (heads * headDim) ** 2;
  const rate = (count: number, seconds: readonly number[]) => (2e-9 * count) / median(seconds);
  return [
    {
      work: `SSD, forward, ${time} x ${heads} heads of ${headDim} x ${state}, chunks of ${chunkSize}`,
      dtype: "f32",
      threads: THREADS,
      elapid: rate(scanned, scan),
      peer: rate(multiplied, product),
      peerName: "matmul",
      unit: "GFLOP/s",
      ratio: rate(scanned, scan) / rate(multiplied, product),
      spread: Math.max(spread(scan), spread(product)),
    },
  ];
}

/** Sizes of models of 130 million parameters, by the names of all ops: Mamba-1's, S4D's, or those of Mamba-2 and Mamba-3. */
function modelSizes(op: string): Readonly<Record<string, number>> {
  const { batch, time, inner, state } = long;
  const rows = { batchB: batch, timeB: time, groupsB: 1, batchC: batch, timeC: time, groupsC: 1 };
  const heads = { heads: inner / 64, headDim: 64, groups: 1, rank: 1, pairs: 32 };
  const states = /^(ssd|mamba3)/.test(op) ? 128 : /^(lti|s4d|ssm|discretize)/.test(op) ? 32 : state;
  const recurrent = { hidden: inner, gates: 3 * inner };
  const others = { outer: batch, part: 1, width: 4, window: 3, taps: time, complex: 2, parts: 2 };
  return { batch, time, inner, state: states, ...rows, ...heads, ...recurrent, ...others };
}

/** Bytes that every kernel on WebGPU moves for an element of its largest tensor, beside the least possible. */
function traffic(): Row[] {
  return gpuKernels.map(({ op, algorithm, traffic: count }) => {
    const sizes = modelSizes(op.name);
    const given = new Set(op.inputs.map(({ name }) => name).filter((name) => !["mask", "seqIdx"].includes(name)));
    const { moved, least } = count(sizes, { given });
    const counts = [...op.inputs, ...op.outputs].map(({ pattern: { leading, names } }) =>
      names.reduce((product, name) => product * sizes[name], leading ? sizes.time : 1),
    );
    const elements = Math.max(...counts);
    return {
      work: `${op.name}, ${algorithm ?? "only"} kernel on WebGPU, ${elements} elements, traffic`,
      dtype: "f32",
      threads: 0,
      elapid: moved / elements,
      peer: least / elements,
      peerName: "least",
      unit: "bytes/element",
      ratio: least / moved,
      spread: 0,
    };
  });
}

/** Forward and backward once on a fresh device; the most memory beyond inputs and outputs, in units of `u`. */
async function peakOf(device: Device, sizes: Sizes): Promise<number> {
  const inputs = randomScanInputs(device, sizes);
  const { u, A } = inputs;
  const bytes = Object.values(inputs).reduce((total, { byteLength }) => total + byteLength, 0);
  await differentiate(device, inputs, fused);
  // the inputs, a gradient of each, y, and the final state
  const wanted = 2 * bytes + u.byteLength + sizes.batch * A.byteLength;
  return (device.peakBytes - wanted) / u.byteLength;
}

/** Forward and backward of a form, in a scope of its own. */
function differentiate(device: Device, inputs: ScanInputs, form: ScanForm): Promise<void> {
  return inScope(device, () => gradients(form, inputs));
}

async function inScope(device: Device, work: () => void): Promise<void> {
  {
    using _ = device.scope();
    work();
  }
  await device.finish();
}

async function open(threads: number): Promise<Device> {
  return new Device(await openWasm({ kernels: [...opsKernels, ...scanKernels], threads }), { strict: true });
}

function shapeOf({ batch, time, inner, state }: Sizes): string {
  return `${batch} x ${time} x ${inner} x ${state}`;
}
