export { causalConv1d } from "./causal-conv1d/causal-conv1d.ts";
export { causalConv1dUpdate, type CausalConv1dUpdateInput } from "./causal-conv1d/causal-conv1d-update.ts";
export {
  complexSelectiveScan,
  complexSelectiveScanOp,
  type ComplexSelectiveScanInputs,
  type ComplexSelectiveScanOptions,
} from "./selective-scan/complex-selective-scan.ts";
export {
  selectiveScan,
  selectiveScanOp,
  type SelectiveScanInputs,
  type SelectiveScanOptions,
} from "./selective-scan/selective-scan.ts";
export { discretizeDense } from "./lti/discretize-dense.ts";
export { discretizeDiagonal } from "./lti/discretize-diagonal.ts";
export { fftConv } from "./lti/fft-conv.ts";
export { hippo, hippoCorrection, type LinearSystem, type Measure } from "./lti/hippo.ts";
export { hippoMemory, type HippoMemory, type HippoMemoryOptions } from "./lti/hippo-memory.ts";
export { ltiScan } from "./lti/lti-scan.ts";
export { hippoNplr, type NormalPlusLowRank } from "./lti/nplr.ts";
export type { Rule } from "./lti/rules.ts";
export { s4dInit, type DiagonalSystem, type S4dInit } from "./lti/s4d-init.ts";
export { s4Kernel } from "./s4/s4-kernel.ts";
export { s4Scan } from "./s4/s4-scan.ts";
export { s4dKernel } from "./lti/s4d-kernel.ts";
export { ssmKernelDiag } from "./lti/ssm-kernel-diag.ts";
export type { ScanOptions } from "./associative-scan/axis.ts";
export { defineScan, type AssociativeScanOptions, type Scan } from "./associative-scan/define-scan.ts";
export type { Element, ScanOperator } from "./associative-scan/operator.ts";
export { scanMax } from "./associative-scan/scan-max.ts";
export { scanProduct } from "./associative-scan/scan-product.ts";
export { scanSum } from "./associative-scan/scan-sum.ts";
export { complexLinearScan } from "./linear-scan/complex-linear-scan.ts";
export { linearScan } from "./linear-scan/linear-scan.ts";
export type { Recurrence, RecurrenceInputs, RecurrenceOutputs } from "./linear-scan/recurrence.ts";
export { runArrays, type AsArrays, type ShapedArray } from "./run-arrays.ts";
export type { ScanName } from "./scan-name.ts";
export { rnn } from "./rnn/rnn.ts";
export { gru } from "./gru/gru.ts";
export { ssd } from "./ssd/ssd.ts";
export { mamba3 } from "./mamba3/mamba3.ts";
export { mamba3Steps } from "./mamba3-steps/mamba3-steps.ts";
