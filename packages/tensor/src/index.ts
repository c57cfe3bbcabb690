export { recompute, valueAndGrad } from "./autograd.ts";
export type { Allocation, Backend, DeviceKind, OpCall, Recording, View } from "./backend.ts";
export { Device, type DeviceOptions } from "./device.ts";
export { dispose } from "./dispose.ts";
export {
  byteLength,
  bytesOf,
  rowUnit,
  viewAs,
  weightDTypes,
  type ArrayOf,
  type DType,
  type PlainDType,
  type WeightDType,
} from "./dtype.ts";
export { add, binaryOps, mul } from "./elementary/binary.ts";
export { concat, concatOp } from "./elementary/concat.ts";
export { repeat, repeatOp, sumAxis, sumAxisOp } from "./elementary/repeat.ts";
export { padOp, slice, sliceOp } from "./elementary/slice.ts";
export { sum, sumRows, sumRowsOp } from "./elementary/sum.ts";
export { exp, neg, unaryOps } from "./elementary/unary.ts";
export { DeviceLostError, OutOfMemoryError, TensorDisposedError, UnsupportedError } from "./errors.ts";
export { HostBackend, runReference } from "./host.ts";
export {
  defineOp,
  ints,
  optional,
  optionalInts,
  weights,
  type AnyOp,
  type Attributes,
  type GradientCall,
  type InputTensors,
  type Op,
  type OpDefinition,
  type OpDims,
  type OutputTensors,
  type Port,
  type ReferenceCall,
  type TensorSpec,
} from "./op.ts";
export type { Program } from "./program.ts";
export { randomSource, type RandomSource } from "./random.ts";
export type { Scope } from "./scope.ts";
export { checkShape, formatShape, parseDims, sizeOf, type DimPattern, type Dims, type Shape } from "./shape.ts";
export { Tensor } from "./tensor.ts";
export { BLOCK, GROUP_ROWS, recordBytes } from "./weights/blocks.ts";
export { packBlocks, unpackBlocks } from "./weights/gguf-blocks.ts";
export { brainOfFloat, floatsOfBrains, floatsOfHalves, halfOfFloat } from "./weights/half.ts";
export { checkHalves, checkScales, decodeWeights, encodeWeights } from "./weights/weights.ts";
export { watchOps, type OpWatcher } from "./watch.ts";
