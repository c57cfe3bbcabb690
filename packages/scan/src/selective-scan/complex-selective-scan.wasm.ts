import { defineKernel } from "@elapid/wasm";
import { complexSelectiveScanOp } from "./complex-selective-scan.ts";
import { scanDefinition } from "./selective-scan.wasm.ts";

export const complexSelectiveScanForward = defineKernel(complexSelectiveScanOp, scanDefinition);
