export { causalConv1d } from "./causal-conv1d/causal-conv1d.ts";
export { selectiveScan } from "./selective-scan/selective-scan.ts";
