import { kernels } from "@elapid/scan/webgpu";
import { sizeOf, watchOps, type Device } from "@elapid/tensor";
import {
  aroundLinearScan,
  chunkByChunk,
  fused,
  gradients,
  randomScanInputs,
  stepByStep,
  type ScanForm,
  type Sizes,
} from "../../benchmarks/scan-forms.ts";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { pivot, withSpread } from "../runner/table.ts";
import { time, type Timing } from "../runner/timing.ts";

export const summary = "the selective scan with and without its states in memory: bytes moved, peak memory, time";

/** From what writes most down to what writes least. */
const forms: Readonly<Record<string, ScanForm>> = {
  "step by step": stepByStep,
  "all states": aroundLinearScan,
  "chunks, recomputed": chunkByChunk,
  fused,
};

const ROUNDS = 3;
const lengths = { small: [8, 9, 10, 11], large: [8, 9, 10, 11, 12, 13] };
const passes = ["forward", "forward + backward"] as const;

/** One layer with 256 channels and 16 states each. */
const sizesOf = (length: number): Sizes => ({ batch: 1, time: length, inner: 256, state: 16 });

/** The layer of mamba-130m over a long text, for the kernels of a GPU. */
const gpuSizes: Sizes = { batch: 1, time: 4096, inner: 1536, state: 16 };

interface Cost extends Timing {
  readonly pass: (typeof passes)[number];
  readonly form: string;
  readonly length: number;
  /** Most bytes held at once beyond the inputs. */
  readonly peak: number;
  /** What all ops together read and wrote, each input and output of an op once. */
  readonly moved: number;
  readonly ops: number;
  /** Bytes of one tensor "batch time inner". */
  readonly element: number;
}

interface KernelTraffic {
  readonly op: string;
  readonly kernel: string;
  /** In sizes of `u`. */
  readonly moved: number;
  readonly least: number;
}

type Measured = { readonly costs: readonly Cost[]; readonly traffic: readonly KernelTraffic[] };

export const parts: Experiment["parts"] = [...passes, "kernels"];

export async function run(part: string, options: ExperimentOptions): Promise<Partial<Measured>> {
  if (part === "kernels") return { traffic: kernelTraffic() };
  const pass = passes.find((pass) => pass === part)!;
  const costs: Cost[] = [];
  for (const power of lengths[options.preset]) {
    options.progress(`2^${power} steps, ${pass}`);
    costs.push(...(await costsOf(2 ** power, pass, options)));
  }
  return { costs };
}

async function costsOf(length: number, pass: Cost["pass"], { open }: ExperimentOptions): Promise<Cost[]> {
  using device = await open();
  const inputs = randomScanInputs(device, sizesOf(length));
  const works = Object.values(forms).map((form) =>
    pass === "forward" ? () => void form(inputs) : () => gradients(form, inputs),
  );
  const timings = await time(device, ROUNDS, works);
  const costs: Cost[] = [];
  for (const [i, [form, compute]] of Object.entries(forms).entries()) {
    // the most that a device ever held is told for its whole life, so each form gets one of its own
    using fresh = await open();
    costs.push({
      pass,
      form,
      length,
      element: inputs.u.byteLength,
      ...timings[i],
      ...(await weigh(fresh, compute, length, pass)),
    });
  }
  return costs;
}

async function weigh(device: Device, form: ScanForm, length: number, pass: Cost["pass"]) {
  const inputs = randomScanInputs(device, sizesOf(length));
  const before = device.liveBytes;
  let [moved, ops] = [0, 0];
  {
    using _ = device.scope();
    watchOps(
      device,
      (_, read, written) => {
        ops++;
        for (const tensor of [...Object.values(read), ...Object.values(written)]) moved += tensor?.byteLength ?? 0;
      },
      () => (pass === "forward" ? void form(inputs) : gradients(form, inputs)),
    );
  }
  await device.finish();
  return { peak: device.peakBytes - before, moved, ops };
}

/** What the WGSL kernels of the selective scan move, which they state themselves. */
function kernelTraffic(): KernelTraffic[] {
  const { batch, time, inner, state } = gpuSizes;
  const rows = { batchB: batch, timeB: time, groupsB: 1, batchC: batch, timeC: time, groupsC: 1 };
  return kernels
    .filter(({ op }) => op.name.startsWith("selective-scan"))
    .map(({ op, algorithm, traffic }) => {
      const given = new Set(op.inputs.map(({ name }) => name).filter((name) => !["mask", "seqIdx"].includes(name)));
      const { moved, least } = traffic({ batch, time, inner, state, ...rows }, { given });
      const u = 4 * sizeOf([batch, time, inner]);
      return { op: op.name, kernel: algorithm ?? "only", moved: moved / u, least: least / u };
    });
}

export function report({ costs = [], traffic = [] }: Partial<Measured>) {
  const relative = costs.map((row) => ({
    ...row,
    peakOfU: row.peak / row.element,
    movedOfU: row.moved / row.element,
    peakMiB: row.peak / 2 ** 20,
    nanoseconds: (1e6 * row.milliseconds) / row.length,
  }));
  const longest = Math.max(...costs.map(({ length }) => length));
  return {
    tables: [
      {
        name: "costs",
        rows: relative
          .filter(({ length }) => length === longest)
          .map(({ pass, form, ops, movedOfU, peakOfU, milliseconds, spread }) => ({
            pass,
            form,
            ops,
            "moved, sizes of u": movedOfU,
            "peak, sizes of u": peakOfU,
            ms: withSpread(milliseconds, spread),
          })),
      },
      {
        name: "peak",
        rows: pivot(relative, ["pass", "length"], "form", ({ peakMiB }) => peakMiB),
      },
      {
        name: "times",
        rows: pivot(relative, ["pass", "length"], "form", ({ milliseconds, spread }) =>
          withSpread(milliseconds, spread),
        ),
      },
      {
        name: "kernels",
        rows: traffic.map(({ op, kernel, moved, least }) => ({
          op,
          kernel,
          "moved, sizes of u": moved,
          "least possible": least,
        })),
      },
    ],
    figures: [
      {
        name: "peak",
        caption: "The most memory that a selective scan of 256 channels and 16 states holds at once beyond its inputs.",
        rows: relative,
        draw: lines({
          x: { key: "length", label: "length (tokens)", type: "log", base: 2 },
          y: { key: "peakMiB", label: "peak memory (MiB)", type: "log" },
          series: "form",
          panels: "pass",
        }),
      },
      {
        name: "times",
        caption: "Time of the same.",
        rows: relative,
        draw: lines({
          x: { key: "length", label: "length (tokens)", type: "log", base: 2 },
          y: { key: "milliseconds", label: "time (ms)", type: "log" },
          series: "form",
          panels: "pass",
        }),
      },
    ],
  };
}
