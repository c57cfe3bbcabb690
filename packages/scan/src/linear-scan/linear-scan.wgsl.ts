import type { Kernel } from "@elapid/webgpu";
import { kernelsOf, type ScanKernelOptions } from "../associative-scan/scan-kernels.ts";
import { complexLinearScanBackward } from "./complex-linear-scan.backward.ts";
import { complexLinearScanBackwardText } from "./complex-linear-scan.backward.wgsl.ts";
import { complexLinearScanText } from "./complex-linear-scan.forward.wgsl.ts";
import { complexLinearScan } from "./complex-linear-scan.ts";
import { linearScanBackward } from "./linear-scan.backward.ts";
import { linearScanBackwardText } from "./linear-scan.backward.wgsl.ts";
import { linearScanText } from "./linear-scan.forward.wgsl.ts";
import { linearScan } from "./linear-scan.ts";

/** The WGSL kernels of the linear recurrences and their gradients. */
export function linearScanKernels(options: ScanKernelOptions = {}): Kernel[] {
  return [
    ...kernelsOf(linearScan.op, linearScanText, options),
    ...kernelsOf(linearScanBackward, linearScanBackwardText, options),
    ...kernelsOf(complexLinearScan.op, complexLinearScanText, options),
    ...kernelsOf(complexLinearScanBackward, complexLinearScanBackwardText, options),
  ];
}
