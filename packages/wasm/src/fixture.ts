import asc from "assemblyscript/asc";
import { defineOp } from "@elapid/tensor";
import type { KernelModule } from "./kernel.ts";

/** `y = factor · x`, and in `first` the first unit of the range that each unit was in. */
export const scaleOp = defineOp({
  name: "scale",
  inputs: { x: "..." },
  outputs: { y: "...", first: "..." },
  attributes: { factor: 1 },
  reference: ({ inputs: { x }, outputs: { y, first }, attributes: { factor } }) => {
    for (let i = 0; i < y.length; i++) y[i] = factor * x[i];
    first.fill(0);
  },
});

const source = `
/** The scratch holds the range's first unit for as long as the range takes. */
export function scale(begin: i32, end: i32, scratch: usize, x: usize, y: usize, first: usize, factor: i32): void {
  const f = f32x4.splat(reinterpret<f32>(factor));
  store<i32>(scratch, begin);
  for (let i = begin; i < end; i++) {
    v128.store_lane<f32>(y + (<usize>i << 2), f32x4.mul(f, v128.load_splat<f32>(x + (<usize>i << 2))), 0);
    store<f32>(first + (<usize>i << 2), <f32>load<i32>(scratch));
  }
}

/** Leaves every unit's number in the workspace, for the next pass to read all of them. */
export function note(begin: i32, end: i32, scratch: usize, workspace: usize): void {
  for (let i = begin; i < end; i++) store<i32>(workspace + (<usize>i << 2), i);
}

/** The sum of all that was noted, for every unit. */
export function gather(begin: i32, end: i32, scratch: usize, workspace: usize, units: i32, y: usize, first: usize): void {
  let sum = 0;
  for (let i = 0; i < units; i++) sum += load<i32>(workspace + (<usize>i << 2));
  for (let i = begin; i < end; i++) {
    store<f32>(y + (<usize>i << 2), <f32>sum);
    store<f32>(first + (<usize>i << 2), <f32>begin);
  }
}

export function trap(begin: i32, end: i32, scratch: usize, unit: i32): void {
  if (begin <= unit && unit < end) unreachable();
}

export function variant(begin: i32, end: i32, scratch: usize, y: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) v128.store_lane<f32>(y, f32x4.relaxed_madd(f32x4.splat(1), f32x4.splat(1), f32x4.splat(0)), 0);
  else store<f32>(y, 0);
}
`;

async function compile(...features: string[]): Promise<string> {
  let binary = new Uint8Array();
  const { error, stderr } = await asc.main(
    [
      ...["test.ts", "--outFile", "test.wasm", "--noAssert", "--runtime", "stub", "--use", "abort="],
      ...[
        "--enable",
        features.join(),
        "--importMemory",
        "--noExportMemory",
        "--sharedMemory",
        "--maximumMemory",
        "65536",
      ],
    ],
    {
      readFile: (name) => (name === "test.ts" ? source : null),
      writeFile: (name, contents) => {
        if (name === "test.wasm") binary = contents as Uint8Array<ArrayBuffer>;
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr}`);
  return Buffer.from(binary).toString("base64");
}

/** Kernels for the tests of this package, which knows no op. */
export async function testModule(): Promise<KernelModule> {
  const simd = await compile("simd", "threads");
  const relaxed = await compile("simd", "threads", "relaxed-simd");
  return { name: "test", memoryBase: 1024, simd, relaxed };
}
