import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { matmulOp } from "./matmul.ts";

/** Sizes of a product. */
interface Dims {
  readonly rows: number;
  readonly in: number;
  readonly out: number;
}

// of `matmul.blocks.as.ts`
const BLOCK = 32;
const GROUP = 8;
const ROWS = 4;
/** Groups through which one row's weights stream at once, in `matmul.blocks-row.as.ts`; a few that are left take as long. */
const STREAMS = { q8: 2, q4: 4 } as const;
/** Bytes of a block of a row of `x` in integers. */
const INTEGERS = { q8: 72, q4: 40 } as const;
/** Bytes of a block of eight rows of weights, unpacked. */
const PANEL = 288;

const halves = (["f16", "bf16"] as const).flatMap((dtype) => {
  const common = {
    module: kernels,
    dtypes: { weight: dtype },
    units: ({ out }: Dims) => out,
    cost: ({ rows, in: inner }: Dims) => rows * inner,
  };
  return [
    defineKernel(matmulOp, {
      ...common,
      entry: dtype === "f16" ? "matmulRowF16" : "matmulRowBf16",
      grain: 8,
      suits: ({ rows }) => rows === 1,
      streams: true,
      scratch: ({ in: inner }) => (dtype === "f16" ? 4 * inner : 0),
      args: ({ dims, inputs: { x, weight, bias }, outputs: { y } }) => [x, weight, bias, y, dims.in],
    }),
    defineKernel(matmulOp, {
      ...common,
      entry: "matmulTiledHalves",
      grain: 6,
      scratch: ({ in: inner }) => 6 * 4 * inner,
      args: ({ dims: { rows, in: inner, out }, inputs: { x, weight, bias }, outputs: { y } }) => [
        ...[x, weight, bias, y],
        ...[rows, inner, out, dtype === "bf16" ? 1 : 0],
      ],
    }),
  ];
});

const blocks = (["q8", "q4"] as const).flatMap((dtype) => {
  const suffix = dtype.toUpperCase();
  const common = { module: kernels, dtypes: { weight: dtype } } as const;
  const integers = ({ rows, in: inner }: Dims) => rows * Math.ceil(inner / BLOCK) * INTEGERS[dtype];
  const outputs = {
    units: ({ out }: Dims) => Math.ceil(out / GROUP),
    cost: ({ rows, in: inner }: Dims) => GROUP * rows * inner,
  };
  return [
    defineKernel(matmulOp, {
      ...common,
      suits: ({ rows }) => rows === 1,
      entry: `integers${suffix}`,
      units: () => 1,
      cost: ({ in: inner }) => inner,
      workspace: integers,
      args: ({ dims, inputs: { x }, workspace }) => [x, dims.in, workspace],
      passes: [
        {
          ...outputs,
          entry: `matmulRow${suffix}`,
          grain: STREAMS[dtype],
          streams: true,
          args: ({ dims, inputs: { weight, bias }, outputs: { y }, workspace }) => [
            ...[workspace, weight, bias, y],
            ...[Math.ceil(dims.in / BLOCK), dims.out],
          ],
        },
      ],
    }),
    defineKernel(matmulOp, {
      ...common,
      entry: `integersRows${suffix}`,
      units: ({ rows }) => Math.ceil(rows / ROWS),
      cost: ({ in: inner }) => ROWS * inner,
      workspace: ({ rows, ...dims }) => integers({ ...dims, rows: ROWS * Math.ceil(rows / ROWS) }),
      args: ({ dims: { rows, in: inner }, inputs: { x }, workspace }) => [x, rows, inner, workspace],
      passes: [
        {
          ...outputs,
          entry: `matmulRows${suffix}`,
          scratch: ({ in: inner }) => Math.ceil(inner / BLOCK) * PANEL,
          args: ({ dims: { rows, in: inner, out }, inputs: { weight, bias }, outputs: { y }, workspace }) => [
            ...[workspace, weight, bias, y],
            ...[rows, inner, out],
          ],
        },
      ],
    }),
  ];
});

/** Products with weights that are not f32. */
export const matmulWeightsKernels = [...halves, ...blocks];
